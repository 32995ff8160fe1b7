// Package loopback reaches this machine and no other: no name is looked up.
package loopback

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// Addresses are what a host may be: a loopback address or localhost. Of any
// other host there are none.
func Addresses(host string) []string {
	if host == "localhost" {
		return []string{"127.0.0.1", "::1"}
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() && addr.Zone() == "" {
		return []string{host}
	}
	return nil
}

// Dial connects to this machine's loopback and to nothing else.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	err = errors.New("not on this machine's loopback")
	for _, addr := range Addresses(host) {
		var dialer net.Dialer
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, network, net.JoinHostPort(addr, port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
