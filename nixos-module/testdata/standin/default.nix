# Evaluates the module as NixOS would, with a stand-in for nixpkgs, and tells what
# comes of it:  import ./standin { } [ MODULE… ]
let
  lib = import ./lib.nix;
  package = name: { type = "derivation"; inherit name; outPath = "/nix/store/${name}"; };

  pkgs =
    let
      self = {
        inherit lib;
        stdenv = {
          shell = "/nix/store/bash/bin/bash";
          buildPlatform.canExecute = _: true;
          hostPlatform.system = "x86_64-linux";
        };
        # Derivations keep what they are made of, for the tests to look at.
        stdenvNoCC.mkDerivation = args: package args.pname // { inherit args; };
        buildGoModule = args: package args.pname // { inherit args; };
        runCommand = name: args: script: package name // { inherit args script; };
        linkFarm = name: entries: package name // { inherit entries; };
        callPackage = file: more:
          let f = import file; in f (builtins.intersectAttrs (builtins.functionArgs f) self // more);
      } // builtins.listToAttrs (map (name: { inherit name; value = package name; }) [
        "addDriverRunpath" "bash" "coreutils" "gnugrep" "iproute2" "iptables" "reaper" "rsync" "util-linux" "versionCheckHook"
      ]) // { pkgsCuda.vllm = package "vllm-cuda"; };
    in self;

  evaluate = modules: lib.evalModules {
    modules = [ ./nixos.nix ] ++ modules;
    specialArgs = { inherit pkgs; inputs.moded.nixosModules.default = ../../default.nix; };
  };

  # A unit as its file would have it, without what was not set.
  shown = u: lib.filterAttrs (_: v: v != [ ] && v != { } && v != "") (builtins.removeAttrs u [ ])
    // { path = map toString (u.path or [ ]); };
  # What Nix makes of flake.nix, for a clone of a certain day.
  outputs = (import ../../../flake.nix).outputs {
    self = outputs // { lastModifiedDate = "20260102030405"; };
    nixpkgs = {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: pkgs // {
        stdenv = pkgs.stdenv // { hostPlatform = { inherit system; }; };
        testers.runNixOSTest = import;
      });
    };
  };
in
{
  inherit lib pkgs evaluate outputs;

  # Every option of the module, as its page shows it.
  options = map (o: {
    name = lib.showOption o.loc;
    type = o.type.description;
    inherit (o) description;
    default = o.defaultText or o.default or null;
    required = !(o ? default);
    example = o.example or null;
  }) (builtins.filter (o: lib.hasPrefix "services.moded." (lib.showOption o.loc)) (evaluate [ ../../default.nix ]).declarations);

  machine = modules:
    let
      inherit (evaluate modules) config;
      failed = builtins.filter (a: !a.assertion) config.assertions;
      file = config.environment.etc."moded/moded.toml".source;
      ours = lib.filterAttrs (name: _: lib.hasPrefix "moded" name || builtins.elem name [ "vllm" "k3s" "llm" ]);
    in
    {
      toml = file.args.text;
      build = file.script;
      failed = map (a: a.message) failed;
      inherit (config) warnings;
      systemPackages = map toString config.environment.systemPackages;
      pathsToLink = config.environment.pathsToLink;
      dbus = map toString config.services.dbus.packages;
      units = map toString config.systemd.packages;
      # Drop-ins that are made for this configuration, with what they say.
      dropIns = builtins.listToAttrs (builtins.concatMap
        (p: map (e: lib.nameValuePair e.name (builtins.readFile e.path)) (p.entries or [ ])) config.systemd.packages);
      tmpfiles = map toString config.systemd.tmpfiles.packages;
      polkit = config.security.polkit.enable;
      services = builtins.mapAttrs (_: shown) (ours config.systemd.services);
      sockets = builtins.mapAttrs (_: shown) config.systemd.sockets;
      userServices = builtins.mapAttrs (_: shown) config.systemd.user.services;
      inherit (config.system) preSwitchChecks;
    };
}
