# The daemon, its helpers and the agents in systemd, D-Bus and polkit.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.moded;
  applets = pkgs.callPackage ./applets.nix { };
  catalog = "/usr/local/lib/systemd/catalog/moded.catalog";
in
{
  config = lib.mkIf cfg.enable {
    # polkit on NixOS reads actions from /share/polkit-1 of the system's packages
    # and from nowhere else: services.dbus.packages is not enough. modectl, its man
    # pages and completions come the same way.
    environment.systemPackages = [ cfg.package ] ++ map (name: applets.${name}) cfg.applets;
    environment.pathsToLink =
      lib.optional (lib.elem "gnome" cfg.applets) "/share/gnome-shell/extensions"
      ++ lib.optional (lib.elem "plasma" cfg.applets) "/share/plasma";

    # The policy of the bus, in share/dbus-1/system.d. There is no activation file:
    # a reader must not start a daemon that then changes the mode.
    services.dbus.packages = [ cfg.package ];
    # Off by default on NixOS. Without polkit nobody but root may change the mode.
    security.polkit.enable = lib.mkDefault true;

    # Units with their sandbox, the modes' targets, and the gates that keep display
    # managers, vLLM and k3s down (NAME.service.d/50-moded-gate.conf). What is
    # defined below becomes a drop-in of them.
    systemd.packages = [ cfg.package ];
    systemd.tmpfiles.packages = [ cfg.package ];

    # NixOS does not apply [Install] of units from packages: what they are wanted
    # by is said again here, and their .wants directories are left out.
    systemd.sockets.moded-probe.wantedBy = [ "sockets.target" ];
    systemd.sockets.moded-workload.wantedBy = [ "sockets.target" ];
    systemd.user.services.moded-agent = {
      wantedBy = lib.mkIf cfg.agents.enable [ "default.target" ];
      # pw-dump and pw-metadata: a user's units have no PATH to speak of.
      path = lib.optional config.services.pipewire.enable config.services.pipewire.package;
    };

    systemd.services.moded = {
      wantedBy = [ "multi-user.target" ];
      # Never restarted by a rebuild: it might be in the middle of a transition.
      # Of the two reloadIfChanged wins, so that a rebuild which brings a new
      # package *and* a new configuration reloads, too; restartIfChanged alone
      # would skip the unit then. A new daemon takes over when the rebuild is done
      # (rebuild.nix).
      restartIfChanged = false;
      reloadIfChanged = true;
      # The file is not named by the unit, so its change must be. Not by
      # reloadTriggers: with reloadIfChanged the two are one, and NixOS warns.
      restartTriggers = [ config.environment.etc."moded/moded.toml".source ];
    };

    # What holds or sets something while it is active keeps it over a rebuild. The
    # eyes and hands (moded-probe, moded-workload) may restart: they are asked again.
    systemd.services.moded-tune.restartIfChanged = false;
    systemd.services.moded-gpu.restartIfChanged = false;

    # journalctl -x: journalctl reads catalogs beside systemd's own from
    # /usr/local/lib alone, and from a database that it must be told to write.
    systemd.services.moded-catalog = {
      description = "Journal Catalog of the Workstation Mode Manager";
      wantedBy = [ "multi-user.target" ];
      after = [ "systemd-journal-catalog-update.service" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script = ''
        mkdir -p ${dirOf catalog}
        ln -sfn ${cfg.package}/lib/systemd/catalog/moded.catalog ${catalog}
        ${config.systemd.package}/bin/journalctl --update-catalog
      '';
      preStop = "rm -f ${catalog}";
    };

    # No unit of a display manager is defined here. NixOS gives it a start limit
    # (3 in 30 s), which moded meets by resetting it before each start, and
    # restartIfChanged = false, so that a rebuild ends nobody's session.
  };
}
