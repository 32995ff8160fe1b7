# The options of NixOS that the module and the examples set or read, each with the
# file of nixpkgs that declares it, and of the same type. What is not here does not
# exist for the tests.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  opt = type: default: mkOption { inherit type default; };
  must = type: mkOption { inherit type; };
  flag = opt types.bool false;
  set = opt (types.attrsOf types.anything) { };
  units = opt (types.listOf types.str) [ ];

  # nixos/lib/systemd-unit-options.nix
  unit = {
    description = opt types.str "";
    wantedBy = units;
    after = units;
    partOf = units;
    unitConfig = set;
    restartTriggers = opt (types.listOf types.anything) [ ];
    reloadTriggers = opt (types.listOf types.anything) [ ];
  };
  service = unit // {
    serviceConfig = set;
    environment = opt (types.attrsOf (types.nullOr types.str)) { };
    path = opt (types.listOf types.package) [ ];
    script = opt types.lines "";
    preStop = opt types.lines "";
    restartIfChanged = opt types.bool true;
    reloadIfChanged = flag;
  };
  every = options: opt (types.attrsOf (types.submodule { inherit options; })) { };
in
{
  options = {
    # nixos/modules/misc/assertions.nix
    assertions = opt (types.listOf types.anything) [ ];
    warnings = opt (types.listOf types.str) [ ];

    # nixos/modules/config/system-path.nix, nixos/modules/system/etc/etc.nix
    environment.systemPackages = opt (types.listOf types.package) [ ];
    environment.pathsToLink = opt (types.listOf types.str) [ ];
    environment.etc = every { source = must types.path; };

    # nixos/modules/system/activation/pre-switch-check.nix
    system.preSwitchChecks = opt (types.attrsOf types.str) { };

    # nixos/modules/system/boot/systemd.nix, systemd/user.nix, systemd/tmpfiles.nix
    systemd.package = opt types.package { outPath = "/nix/store/systemd"; };
    systemd.packages = opt (types.listOf types.package) [ ];
    systemd.services = every service;
    systemd.slices = every unit;
    systemd.sockets = every unit;
    systemd.user.services = every service;
    systemd.tmpfiles.packages = opt (types.listOf types.package) [ ];

    # nixos/modules/security/polkit.nix, rtkit.nix, pam.nix
    security.polkit.enable = flag;
    security.rtkit.enable = flag;
    security.pam.loginLimits = opt (types.listOf (types.attrsOf types.anything)) [ ];

    # nixos/modules/services/system/dbus.nix
    services.dbus.packages = opt (types.listOf types.path) [ ];

    # nixos/modules/services/desktops/pipewire/pipewire.nix
    services.pipewire.enable = flag;
    services.pipewire.package = opt types.package { outPath = "/nix/store/pipewire"; };
    services.pipewire.alsa.enable = flag;
    services.pipewire.pulse.enable = flag;
    services.pipewire.jack.enable = flag;

    # nixos/modules/services/display-managers/gdm.nix, desktop-managers/gnome.nix
    services.displayManager.gdm.enable = flag;
    services.desktopManager.gnome.enable = flag;
    services.desktopManager.gnome.extraGSettingsOverrides = opt types.lines "";

    # nixos/modules/services/cluster/rancher/default.nix
    services.k3s.enable = flag;
    services.k3s.package = opt types.package { outPath = "/nix/store/k3s"; };
    services.k3s.role = opt (types.enum [ "server" "agent" ]) "server";
    services.k3s.manifests = every { source = must types.path; };

    # nixos/modules/services/hardware/tuned.nix, auto-cpufreq.nix, tlp.nix and
    # nixos/modules/tasks/cpu-freq.nix
    services.tuned.enable = flag;
    services.auto-cpufreq.enable = flag;
    services.tlp.enable = flag;
    powerManagement.cpuFreqGovernor = opt (types.nullOr types.str) null;

    # nixos/modules/services/x11/xserver.nix, hardware/graphics.nix, hardware/video/nvidia.nix
    services.xserver.videoDrivers = opt (types.listOf types.str) [ ];
    hardware.graphics.enable = flag;
    hardware.nvidia.open = opt (types.nullOr types.bool) null;

    # nixos/modules/config/users-groups.nix
    users.users = every { isNormalUser = flag; extraGroups = opt (types.listOf types.str) [ ]; };
  };
}
