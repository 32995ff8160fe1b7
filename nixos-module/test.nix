# pkgs.testers.runNixOSTest ./test.nix: a machine with a graphical session is moved
# from mode to mode, refused, killed in the middle, and rebuilt in the middle.
{
  name = "moded";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [ ./default.nix ];

      virtualisation.memorySize = 2048;
      users.users.dev = {
        isNormalUser = true;
        uid = 1000;
      };

      # The lightest graphical session there is.
      services.xserver.enable = true;
      services.xserver.displayManager.lightdm.enable = true;
      services.xserver.windowManager.icewm.enable = true;
      services.displayManager.defaultSession = "none+icewm";
      services.displayManager.autoLogin = {
        enable = true;
        user = "dev";
      };

      # Takes its time, so that there is a middle.
      systemd.services.slow.serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${pkgs.coreutils}/bin/sleep 20";
      };
      systemd.services.studio-lights = {
        wantedBy = [ "moded-studio.target" ];
        partOf = [ "moded-studio.target" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${pkgs.coreutils}/bin/true";
        };
      };

      services.moded = {
        enable = true;
        settings.base.units."slow.service" = "inactive";
        modes.compute.units."slow.service" = "active";
        # A machine that has just started under emulation is neither idle nor large.
        guards.cpu-load = {
          kind = "load";
          window = "1m";
          max-per-cpu = 64;
        };
        guards.memory = {
          kind = "memory";
          floor = "64MiB";
        };
      };

      system.switch.enable = true;
      specialisation.drifting.configuration = {
        services.moded.settings.drift = "correct";
        # Keeps the switch itself busy for a while.
        systemd.services.lingering = {
          wantedBy = [ "multi-user.target" ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            ExecStart = "${pkgs.coreutils}/bin/sleep 20";
          };
        };
      };
    };

  testScript = ''
    rebuild = "/run/booted-system/specialisation/drifting/bin/switch-to-configuration test"


    def settled(mode):
        machine.wait_until_succeeds(
            f"modectl status --json | grep '^  \"mode\": \"{mode}\"' && ! modectl status --json | grep -E '\"phase\": *\"[a-z]'",
            timeout=180,
        )


    def half_way():
        machine.succeed("modectl switch compute --yes --no-wait")
        machine.wait_until_succeeds("systemctl show -P ActiveState slow.service | grep activating", timeout=180)


    with subtest("boot leads to the default mode"):
        machine.wait_for_unit("multi-user.target")
        machine.wait_for_unit("moded.service")
        machine.wait_for_unit("display-manager.service")
        machine.wait_until_succeeds("loginctl list-sessions | grep dev", timeout=180)
        settled("desktop")
        machine.wait_until_succeeds("systemctl --user --machine=dev@ is-active moded-agent", timeout=120)

    with subtest("studio and back, with the units of its target"):
        machine.succeed("modectl switch studio --yes")
        machine.succeed("systemctl is-active moded-studio.target studio-lights.service")
        machine.succeed("modectl switch desktop --yes")
        machine.fail("systemctl is-active studio-lights.service")

    with subtest("what is not an edge, and what is held, is refused"):
        machine.succeed("modectl switch studio --yes")
        code, _ = machine.execute("modectl switch compute --yes")
        assert code == 3, f"exit code {code}"
        machine.succeed("modectl switch desktop --yes")
        machine.succeed("systemd-run --setenv=PATH --unit=take modectl hold --all -- sleep infinity")
        machine.wait_until_succeeds("modectl holds | grep sleep")
        code, _ = machine.execute("modectl switch compute --yes")
        assert code == 3, f"exit code {code}"
        machine.succeed("systemctl stop take.service")
        settled("desktop")

    with subtest("compute ends the session, and what it has down stays down"):
        machine.succeed("modectl switch compute --yes", timeout=300)
        machine.fail("systemctl is-active display-manager.service")
        machine.fail("loginctl list-sessions | grep dev")
        machine.execute("systemctl start display-manager.service")
        machine.fail("systemctl is-active display-manager.service")
        machine.succeed("modectl switch desktop --yes", timeout=300)
        machine.wait_for_unit("display-manager.service")

    with subtest("kill -9 in the middle is undone"):
        half_way()
        machine.succeed("systemctl kill --signal=KILL moded.service")
        settled("desktop")
        machine.wait_for_unit("display-manager.service")
        machine.fail("systemctl is-active slow.service")

    with subtest("a rebuild in the middle is refused, and touches nothing"):
        half_way()
        code, said = machine.execute(f"{rebuild} 2>&1")
        assert code != 0 and "is changing" in said, said
        settled("compute")
        machine.fail("systemctl cat lingering.service")
        machine.succeed("modectl switch desktop --yes", timeout=300)

    with subtest("a rebuild reloads the daemon, and holds the mode meanwhile"):
        pid = machine.succeed("systemctl show -P MainPID moded.service")
        machine.succeed(f"systemd-run --unit=rebuild --service-type=exec {rebuild}")
        machine.wait_until_succeeds("modectl holds | grep nixos-rebuild", timeout=60)
        code, said = machine.execute("modectl switch studio --yes 2>&1")
        assert code == 3, f"exit code {code}: {said}"
        machine.wait_until_succeeds("modectl holds | grep nobody", timeout=180)
        machine.succeed("modectl config show | grep 'drift = \"correct\"'")
        assert pid == machine.succeed("systemctl show -P MainPID moded.service"), "it was restarted"
        machine.succeed("modectl switch studio --yes")
  '';
}
