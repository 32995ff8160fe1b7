package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// astray is the cgroup to which an engine flees that is told to end.
const astray = "/sys/fs/cgroup/lab-astray"

// startEngine starts the process that holds the GPUs, as vLLM's EngineCore is a
// child of its API server, and takes it along on SIGTERM.
func startEngine(path string) error {
	self, err := os.Executable() // by its name, under which guards know it
	if err != nil {
		return err
	}
	engine := exec.Command(self, "-engine", "-config", path)
	engine.Stdout, engine.Stderr = os.Stdout, os.Stderr
	if err := engine.Start(); err != nil {
		return err
	}
	go func() {
		_ = engine.Wait() // how it ended is its own affair
		log.Print("the engine has ended")
	}()
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	go func() {
		for range terms {
			switch load(path).term {
			case "ignore":
				log.Print("SIGTERM is ignored")
			case "leave":
				os.Exit(0)
			case "flee":
				_ = engine.Process.Signal(syscall.SIGTERM) // it has not gone by itself
				awaitFled(engine.Process.Pid)
				os.Exit(0)
			default:
				_ = engine.Process.Kill()
				os.Exit(0)
			}
		}
	}()
	return nil
}

// awaitFled waits until an engine that flees has left our cgroup.
func awaitFled(pid int) {
	for range 100 {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil || strings.Contains(string(text), "astray") {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// runEngine holds the GPUs until it is told to end, and after that too if it is
// one of those.
func runEngine(path string) error {
	held, err := hold(visible(cards(driver), os.LookupEnv))
	if err != nil {
		return err
	}
	for _, f := range held {
		log.Printf("engine %d holds %s", os.Getpid(), f.Name())
	}
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	for range terms {
		switch load(path).term {
		case "ignore", "leave":
			continue
		case "flee":
			if err := os.MkdirAll(astray, 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(astray+"/cgroup.procs", fmt.Append(nil, os.Getpid()), 0o644); err != nil {
				return err
			}
			continue
		}
		break
	}
	runtime.KeepAlive(held)
	return nil
}

// notify tells systemd that the unit is up, where it waits for that.
func notify() {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return // nobody waits
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("READY=1")) // PID 1 gives up by itself
}
