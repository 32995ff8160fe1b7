{
  description = "moded: one workstation, two lives, and a safe way between them";

  # Go 1.26 or later. To use the machine's own: inputs.moded.inputs.nixpkgs.follows = "nixpkgs".
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      version = "0-unstable-${builtins.substring 0 8 (self.lastModifiedDate or "19700101")}";
      each =
        f:
        nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: f nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (
        pkgs:
        let
          applets = pkgs.callPackage ./nixos-module/applets.nix { };
          moded = pkgs.callPackage ./nixos-module/package.nix { inherit version; };
        in
        {
          inherit moded;
          default = moded;
          gnome-extension = applets.gnome;
          plasma-applet = applets.plasma;
        }
      );

      overlays.default = final: _prev: {
        moded = final.callPackage ./nixos-module/package.nix { inherit version; };
      };

      nixosModules.default = self.nixosModules.moded;
      nixosModules.moded =
        { lib, pkgs, ... }:
        {
          # However often it is imported, and under either name.
          key = "github:modectl/moded#nixosModules.moded";
          imports = [ ./nixos-module ];
          services.moded.package = lib.mkDefault (
            pkgs.callPackage ./nixos-module/package.nix { inherit version; }
          );
        };

      # nix flake check; it boots a machine.
      checks = each (pkgs: {
        inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) moded;
        vm = pkgs.testers.runNixOSTest ./nixos-module/test.nix;
      });
    };
}
