# nixos-rebuild and transitions keep out of each other's way.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.moded;
  # Programs by name, so that the scripts can be tried anywhere.
  path = lib.makeBinPath [
    cfg.package
    config.systemd.package
    pkgs.bash
    pkgs.coreutils
    pkgs.gnugrep
    pkgs.util-linux
  ];
in
{
  config = lib.mkIf cfg.enable {
    # switch-to-configuration has its lock when it asks this, and keeps it until it
    # has ended.
    system.preSwitchChecks.moded = ''
      PATH=${path} ${pkgs.bash}/bin/bash ${./pre-switch.sh} ${./while-switching.sh} "''${2:-switch}"
    '';
  };
}
