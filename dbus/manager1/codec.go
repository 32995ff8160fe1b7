package manager1

import (
	"time"

	"github.com/godbus/dbus/v5"
)

// Dict is an a{sv}.
type Dict = map[string]dbus.Variant

// codec visits the fields of a struct in one of three ways: it writes them to
// a Dict, reads them from one, or lists them. So each struct has one table for
// both directions, which cannot disagree with itself.
//
// Reading is lenient: a missing key, or one of another type, leaves the field
// as it is, a list becomes empty rather than nil, texts are cleaned, and keys
// that nobody asks for are ignored. Writing is complete, except that sparse
// structs leave out zero values.
type codec struct {
	out    Dict
	in     Dict
	list   *[]Key
	sparse bool
}

// reading tells whether fields are being read. A nil Dict reads as empty.
func (c *codec) reading() bool { return c.out == nil && c.list == nil }

// Key is one key of a dictionary and its type.
type Key struct{ Name, Signature string }

// fielder is a struct that shows its fields to a codec.
type fielder interface{ fields(c *codec) }

// pointer is the constraint of the generic helpers: *T has the fields.
type pointer[T any] interface {
	*T
	fielder
}

func encode(v fielder) Dict {
	c := codec{out: Dict{}}
	v.fields(&c)
	return c.out
}

func decode(v fielder, m Dict) { v.fields(&codec{in: m}) }

func keys(v fielder) []Key {
	var list []Key
	v.fields(&codec{list: &list})
	return list
}

// EncodeList writes a list of structs as aa{sv}; nil becomes an empty list.
func EncodeList[T any, P pointer[T]](items []T) []Dict {
	list := make([]Dict, len(items))
	for i := range items {
		list[i] = encode(P(&items[i]))
	}
	return list
}

// DecodeList reads an aa{sv}; the result is never nil.
func DecodeList[T any, P pointer[T]](list []Dict) []T {
	items := make([]T, len(list))
	for i, m := range list {
		decode(P(&items[i]), m)
	}
	return items
}

// Signatures, parsed once.
var (
	sigString  = dbus.ParseSignatureMust("s")
	sigBool    = dbus.ParseSignatureMust("b")
	sigUint32  = dbus.ParseSignatureMust("u")
	sigInt64   = dbus.ParseSignatureMust("x")
	sigDouble  = dbus.ParseSignatureMust("d")
	sigStrings = dbus.ParseSignatureMust("as")
	sigDicts   = dbus.ParseSignatureMust("aa{sv}")
)

func (c *codec) raw(key string, p *string)     { scalar(c, key, sigString, p) }
func (c *codec) flag(key string, p *bool)      { scalar(c, key, sigBool, p) }
func (c *codec) uint(key string, p *uint32)    { scalar(c, key, sigUint32, p) }
func (c *codec) big(key string, p *int64)      { scalar(c, key, sigInt64, p) }
func (c *codec) double(key string, p *float64) { scalar(c, key, sigDouble, p) }

func (c *codec) str(key string, p *string) {
	c.raw(key, p)
	if c.reading() {
		*p = Clean(*p, MaxLine)
	}
}

func (c *codec) strs(key string, p *[]string) {
	slice(c, key, sigStrings, p)
	if c.reading() {
		cleanAll(*p)
	}
}

func cleanAll(list []string) {
	for i, s := range list {
		list[i] = Clean(s, MaxLine)
	}
}

func (c *codec) time(key string, p *time.Time) {
	micros := Micros(*p)
	c.big(key, &micros)
	if c.reading() {
		*p = Time(micros)
	}
}

func scalar[T comparable](c *codec, key string, sig dbus.Signature, p *T) {
	var zero T
	switch {
	case c.list != nil:
		*c.list = append(*c.list, Key{key, sig.String()})
	case c.reading():
		if v, ok := c.in[key].Value().(T); ok {
			*p = v
		}
	case !c.sparse || *p != zero:
		c.out[key] = dbus.MakeVariantWithSignature(*p, sig)
	}
}

func slice[T any](c *codec, key string, sig dbus.Signature, p *[]T) {
	switch {
	case c.list != nil:
		*c.list = append(*c.list, Key{key, sig.String()})
	case c.reading():
		if v, ok := c.in[key].Value().([]T); ok {
			*p = v
		}
		if *p == nil {
			*p = []T{}
		}
	case !c.sparse || len(*p) > 0:
		c.out[key] = dbus.MakeVariantWithSignature(append([]T{}, *p...), sig)
	}
}

func dicts[T any, P pointer[T]](c *codec, key string, p *[]T) {
	var list []Dict
	if c.out != nil {
		list = EncodeList[T, P](*p)
	}
	slice(c, key, sigDicts, &list)
	if _, ok := c.in[key]; ok || (c.reading() && *p == nil) {
		*p = DecodeList[T, P](list)
	}
}

var sigDict = dbus.ParseSignatureMust("a{sv}")

func makeDict(m Dict) dbus.Variant { return dbus.MakeVariantWithSignature(m, sigDict) }

// Micros is a time on the wire: microseconds since 1970, 0 for never.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is a time from the wire.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros)
}

// Millis is a duration on the wire, in milliseconds.
func Millis(d time.Duration) uint32 {
	return uint32(max(0, min(d.Milliseconds(), int64(^uint32(0)))))
}
