# The options of NixOS that the module and the examples set or read, each with the
# file of nixpkgs that declares it, and of the same type. What is not here does not
# exist for the tests.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  opt = type: default: mkOption { inherit type default; };
  must = type: mkOption { inherit type; };
  flag = opt types.bool false;
  # nixos/lib/systemd-lib.nix
  units = opt (types.listOf (types.strMatching "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|device|mount|automount|swap|target|path|timer|scope|slice)")) [ ];

  # nixos/lib/systemd-unit-options.nix
  section = opt (types.attrsOf types.unitOption) { };
  unit = {
    description = opt types.str "";
    wantedBy = units;
    after = units;
    partOf = units;
    unitConfig = section;
    restartTriggers = opt (types.listOf types.anything) [ ];
    reloadTriggers = opt (types.listOf types.anything) [ ];
  };
  service = unit // {
    serviceConfig = section;
    environment = opt (types.attrsOf (types.nullOr (types.oneOf [ types.str types.path types.package ]))) { };
    path = opt (types.listOf (types.oneOf [ types.package types.str ])) [ ];
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
    security.pam.loginLimits = opt (types.listOf (types.submodule { options = {
      domain = must types.str;
      type = must (types.enum [ "-" "hard" "soft" ]);
      item = must (types.enum [ "memlock" "nice" "nofile" "rtprio" ]);
      value = must (types.oneOf [ types.str types.int ]);
    }; })) [ ];

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
    users.users = every { isNormalUser = flag; uid = opt (types.nullOr types.int) null; extraGroups = opt (types.listOf types.str) [ ]; };

    # What the machine of test.nix has besides:
    # nixos/modules/virtualisation/qemu-vm.nix, services/x11/xserver.nix,
    # x11/display-managers/lightdm.nix, x11/window-managers/icewm.nix,
    # services/display-managers/default.nix, system/activation/switchable-system.nix
    # and specialisation.nix
    virtualisation.memorySize = opt types.ints.positive 1024;
    services.xserver.enable = flag;
    services.xserver.displayManager.lightdm.enable = flag;
    services.xserver.windowManager.icewm.enable = flag;
    services.displayManager.defaultSession = opt (types.nullOr types.str) null;
    services.displayManager.autoLogin.enable = flag;
    services.displayManager.autoLogin.user = opt (types.nullOr types.str) null;
    system.switch.enable = opt types.bool true;
    specialisation = every { configuration = opt types.anything { }; };

    # nixos/modules/misc/nixpkgs.nix
    nixpkgs.config = opt (types.attrsOf types.anything) { };
  };

  # nixos/modules/system/boot/systemd.nix
  config.warnings = builtins.concatLists (lib.mapAttrsToList (name: service:
    lib.optional (service.reloadIfChanged && service.reloadTriggers != [ ])
      "Service '${name}.service' has both 'reloadIfChanged' and 'reloadTriggers' set."
  ) config.systemd.services);
}
