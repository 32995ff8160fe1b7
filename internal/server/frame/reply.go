package frame

import "github.com/godbus/dbus/v5"

// Reply makes the answer to a call.
func Reply(to string, serial uint32, body ...any) *dbus.Message {
	return answer(dbus.TypeMethodReply, to, serial, body)
}

// Error makes an answer that is an error.
func Error(to string, serial uint32, name string, body ...any) *dbus.Message {
	m := answer(dbus.TypeError, to, serial, body)
	m.Headers[dbus.FieldErrorName] = dbus.MakeVariant(name)
	return m
}

func answer(kind dbus.Type, to string, serial uint32, body []any) *dbus.Message {
	headers := map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(serial)}
	if to != "" {
		headers[dbus.FieldDestination] = dbus.MakeVariant(to)
	}
	if len(body) > 0 {
		headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	return &dbus.Message{Type: kind, Headers: headers, Body: body}
}
