package serve

import "context"

// Ready gets the URL and returns nil when the answer is 200.
func Ready(ctx context.Context, raw string) error {
	u, err := target(raw)
	if err != nil {
		return err
	}
	resp, err := get(ctx, u)
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // nobody reads it
	return accepted(resp)
}
