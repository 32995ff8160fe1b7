# services.moded. Names of keys are the daemon's own, so that its manual, its
# messages and `modectl config show` speak of the same things.
{ lib, pkgs, ... }:
let
  inherit (lib)
    literalExpression
    mkEnableOption
    mkOption
    types
    ;
  inherit (import ./types.nix { inherit lib; }) keys table value;
  inherit (import ./modes.nix { inherit lib; }) base mode;
  machine = import ./machine.nix { inherit lib; };
  top = keys.tables."";
in
{
  options.services.moded = {
    enable = mkEnableOption "moded, which makes the mode of a workstation explicit and moves safely between desktop, studio and compute";

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../package.nix { };
      defaultText = literalExpression "pkgs.callPackage ./nixos-module/package.nix { }";
      example = literalExpression "inputs.moded.packages.\${pkgs.stdenv.hostPlatform.system}.default";
      description = "The package with the daemon, its helpers and modectl.";
    };

    defaultMode = mkOption {
      type = types.nullOr types.str;
      default = null;
      inherit (top.default-mode) description example;
    };

    modes = mkOption {
      type = types.attrsOf mode;
      default = { };
      description = ''
        Modes by name, laid over those of the embedded default (${lib.concatStringsSep ", " keys.default.modes})
        and over {option}`services.moded.settings.base`.
      '';
      example = {
        studio.audio = {
          state = "realtime";
          quantum = 64;
          rate = 48000;
        };
        movie.summary = "The desktop, and nothing that makes a noise";
      };
    };

    edges = mkOption {
      type = types.listOf (import ./edges.nix { inherit lib; });
      default = [ ];
      description = ''
        The ways between modes; there are no others. One of the same event, from and
        to replaces that of the embedded default, the others stay.
      '';
      example = [
        {
          event = "curtain";
          from = "desktop";
          to = "movie";
        }
        {
          event = "lights";
          from = "movie";
          to = "desktop";
        }
      ];
    };

    guards = mkOption {
      type = types.attrsOf (import ./guards.nix { inherit lib; });
      default = { };
      description = ''
        Guards, under names of your own; edges name them. Besides the options below
        each takes the parameters of its kind, see docs/reference/guards.md.
      '';
      example = {
        quiet = {
          kind = "load";
          window = "5m";
          max-per-cpu = 0.5;
        };
      };
    };

    gpus = mkOption {
      type = types.attrsOf machine.gpu;
      default = { };
      description = ''
        The cards that modes give away, under names of your own. Without any, moded
        finds them: `primary` has the connected screen, `others` are the rest.
      '';
      example = {
        gpu0.pci = "0000:01:00.0";
        gpu1.uuid = "GPU-51aa1b22-0d5e-4a54-8f0e-3a9d0a1b2c3d";
      };
    };

    settings = mkOption {
      type = types.submodule {
        freeformType = types.attrsOf value;
        options =
          table "" {
            restore = types.bool;
            drift = types.enum [
              "report"
              "correct"
            ];
          }
          // {
            inherit (machine)
              idle
              gui
              vllm
              k3s
              ;
            base = mkOption {
              type = types.nullOr base;
              default = null;
              description = "Where each knob stands unless a mode says otherwise. Every knob that any mode turns needs a value here.";
              example = {
                tune = "off";
                slices."system.slice".cpu-weight = 100;
              };
            };
          };
      };
      default = { };
      description = ''
        All else that may stand in {file}`/etc/moded/moded.toml`, see
        docs/reference/settings.md. The options above end up in it as well.
      '';
      example = {
        drift = "correct";
        idle.after = "30m";
      };
    };

    agents.enable = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Whether every user's manager runs moded-agent, which tells whether something
        plays and gives PipeWire its orders. Without it, guards on audio see nothing
        and deny.
      '';
    };

    applets = mkOption {
      type = types.listOf (
        types.enum [
          "gnome"
          "plasma"
        ]
      );
      default = [ ];
      example = [ "gnome" ];
      description = ''
        Panel applets to install for everybody. GNOME's is an extension that each
        user turns on: `gnome-extensions enable modectl@modectl.org`.
      '';
    };
  };
}
