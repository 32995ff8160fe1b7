package manager1

import (
	"context"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// Client talks to the daemon. It is safe for use by many goroutines. Calls
// return an *Error for what the daemon or the bus answered.
type Client struct {
	conn        *dbus.Conn
	interactive bool
}

// New returns a client on a connection, which stays the caller's. It may ask
// for a password where the daemon's answer depends on it: see Quiet.
//
// Signals arrive in order only if conn was made with a sequential signal
// handler, as Dial does.
func New(conn *dbus.Conn) *Client { return &Client{conn: conn, interactive: true} }

// Dial connects to a bus: "system", or an address. Close the client after use.
func Dial(bus string) (*Client, error) {
	ordered := dbus.WithSignalHandler(dbus.NewSequentialSignalHandler())
	connect := dbus.ConnectSystemBus
	if bus != "system" {
		connect = func(o ...dbus.ConnOption) (*dbus.Conn, error) { return dbus.Connect(bus, o...) }
	}
	conn, err := connect(ordered)
	if err != nil {
		return nil, &Error{Name: ErrNoDaemon, Message: fmt.Sprintf("cannot connect to the bus: %v", err)}
	}
	return New(conn), nil
}

// Conn is the connection, for questions to others on the same bus.
func (c *Client) Conn() *dbus.Conn { return c.conn }

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Quiet returns a client that never lets polkit ask for a password.
func (c *Client) Quiet() *Client { return &Client{conn: c.conn} }

// SwitchRequest is the question that SwitchMode asks.
type SwitchRequest struct {
	Mode          string
	Flags         uint32
	ConfirmWithin time.Duration
	Reason        string
}

// SwitchMode begins a transition and returns its id; 0 means that the machine
// is there already.
func (c *Client) SwitchMode(ctx context.Context, r SwitchRequest) (uint32, error) {
	var id uint32
	seconds := uint32((r.ConfirmWithin + time.Second - 1) / time.Second)
	err := c.call(ctx, mayPrompt, MethodSwitchMode, []any{r.Mode, r.Flags, seconds, r.Reason}, &id)
	return id, err
}

// Plan asks what SwitchMode would do.
func (c *Client) Plan(ctx context.Context, mode string, flags uint32) (Plan, error) {
	var p Plan
	var verdicts, steps []Dict
	err := c.call(ctx, public, MethodPlan, []any{mode, flags}, &p.Allowed, &verdicts, &steps)
	p.Verdicts, p.Steps = DecodeList[Verdict](verdicts), DecodeList[Step](steps)
	return p, err
}

// CanSwitch answers yes, challenge, no or na.
func (c *Client) CanSwitch(ctx context.Context, mode string) (string, error) {
	var answer string
	err := c.call(ctx, public, MethodCanSwitch, []any{mode}, &answer)
	return Clean(answer, MaxLine), err
}

// Cancel ends an open transition.
func (c *Client) Cancel(ctx context.Context, id uint32) error {
	return c.call(ctx, mayPrompt, MethodCancel, []any{id})
}

// Confirm keeps a mode that waits for it.
func (c *Client) Confirm(ctx context.Context, id uint32) error {
	return c.call(ctx, mayPrompt, MethodConfirm, []any{id})
}

// Proceed ends the grace period.
func (c *Client) Proceed(ctx context.Context, id uint32) error {
	return c.call(ctx, mayPrompt, MethodProceed, []any{id})
}

// Recover is the way out of stuck: one of the Recover flags.
func (c *Client) Recover(ctx context.Context, flags uint32) error {
	return c.call(ctx, mayPrompt, MethodRecover, []any{flags})
}

// Reload reads the configuration again.
func (c *Client) Reload(ctx context.Context) error {
	return c.call(ctx, mayPrompt, MethodReload, nil)
}

// Hold keeps the mode from changing while this connection lives.
func (c *Client) Hold(ctx context.Context, scope, who, why string) (uint32, error) {
	var cookie uint32
	err := c.call(ctx, mayPrompt, MethodHold, []any{scope, who, why}, &cookie)
	return cookie, err
}

// Release gives a hold back.
func (c *Client) Release(ctx context.Context, cookie uint32) error {
	return c.call(ctx, public, MethodRelease, []any{cookie})
}

// ListModes returns the modes of the catalog.
func (c *Client) ListModes(ctx context.Context) ([]ModeInfo, error) {
	var list []Dict
	err := c.call(ctx, public, MethodListModes, nil, &list)
	return DecodeList[ModeInfo](list), err
}

// ListHolds returns what holds the mode.
func (c *Client) ListHolds(ctx context.Context) ([]HoldInfo, error) {
	var list []Dict
	err := c.call(ctx, public, MethodListHolds, nil, &list)
	return DecodeList[HoldInfo](list), err
}

// ListHistory returns the newest transitions first, in brief; 0 is the
// daemon's own limit.
func (c *Client) ListHistory(ctx context.Context, limit uint32) ([]Record, error) {
	var list []Dict
	err := c.call(ctx, public, MethodListHistory, []any{limit}, &list)
	return DecodeList[Record](list), err
}

// GetTransition returns all about one; id 0 is the newest.
func (c *Client) GetTransition(ctx context.Context, id uint32) (Record, error) {
	var m Dict
	var r Record
	err := c.call(ctx, public, MethodGetTransition, []any{id}, &m)
	r.FromMap(m)
	return r, err
}

// Resources returns what the machine is now.
func (c *Client) Resources(ctx context.Context) (Resources, error) {
	var m Dict
	var r Resources
	err := c.call(ctx, public, MethodResources, nil, &m)
	r.FromMap(m)
	return r, err
}

// Verify holds the settings of the current mode against the machine.
func (c *Client) Verify(ctx context.Context) ([]Setting, error) {
	var list []Dict
	err := c.call(ctx, public, MethodVerify, nil, &list)
	return DecodeList[Setting](list), err
}

// Properties returns all properties, in one call.
func (c *Client) Properties(ctx context.Context) (Properties, error) {
	var m Dict
	var p Properties
	err := c.send(ctx, 0, propertiesInterface, "GetAll", []any{Interface}, &m)
	p.FromMap(m)
	return p, err
}

const propertiesInterface = "org.freedesktop.DBus.Properties"

// prompting says whether a method may ask polkit.
type prompting bool

const (
	public    prompting = false
	mayPrompt prompting = true
)

func (c *Client) call(ctx context.Context, p prompting, method string, args []any, results ...any) error {
	var flags dbus.Flags
	if p == mayPrompt && c.interactive {
		flags = dbus.FlagAllowInteractiveAuthorization
	}
	return c.send(ctx, flags, Interface, method, args, results...)
}

// send makes the message by hand: Object.Call of godbus drops the flag that
// allows interactive authorisation. The daemon is never started by a call.
func (c *Client) send(ctx context.Context, flags dbus.Flags, iface, method string, args []any, results ...any) error {
	msg := &dbus.Message{
		Type:  dbus.TypeMethodCall,
		Flags: flags | dbus.FlagNoAutoStart,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath:        dbus.MakeVariant(Path),
			dbus.FieldDestination: dbus.MakeVariant(BusName),
			dbus.FieldInterface:   dbus.MakeVariant(iface),
			dbus.FieldMember:      dbus.MakeVariant(method),
		},
		Body: args,
	}
	if len(args) > 0 {
		msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	call := c.conn.SendWithContext(ctx, msg, make(chan *dbus.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if call.Err != nil {
		return asError(call.Err)
	}
	if err := call.Store(results...); err != nil {
		return fmt.Errorf("cannot read the answer of %s: %w", method, err)
	}
	return nil
}
