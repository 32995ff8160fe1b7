# The NixOS module: a thin shell over settings.nix and render.nix.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.moded;
  render = import ./render.nix;
  inherit (import ./settings.nix) clean own;
in
{
  imports = [
    ./options
    ./units.nix
    ./workloads.nix
    ./rebuild.nix
    ./assertions.nix
  ];

  config = lib.mkIf cfg.enable {
    services.moded.settings = own cfg;

    # A mistake in the configuration fails the build, with file, line and column,
    # and not the daemon. A machine that cannot run the package's programs
    # (cross-compilation) leaves that to the daemon, which keeps the last good one.
    environment.etc."moded/moded.toml".source =
      pkgs.runCommand "moded.toml"
        {
          text = render (clean cfg.settings);
          passAsFile = [ "text" ];
          preferLocalBuild = true;
          allowSubstitutes = false;
        }
        ''
          cp "$textPath" moded.toml
          ${lib.optionalString (pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform) ''
            ${cfg.package}/libexec/moded/moded --check moded.toml
          ''}
          cp moded.toml $out
        '';
  };
}
