# A mode: where every knob stands. `base` has the same knobs and is none itself.
{ lib }:
let
  inherit (lib) types;
  inherit (import ./types.nix { inherit lib; })
    anyOr
    anyUnit
    duration
    knob
    missing
    power
    service
    table
    unit
    url
    value
    weight
    keys
    ;

  several = type: lib.mkOption { type = types.attrsOf type; default = { }; };
  one = type: lib.mkOption { type = types.nullOr type; default = null; };

  limits = {
    cpu-weight = weight;
    io-weight = weight;
    memory-high = types.str;
  };

  knobs = {
    gui = one (
      knob "MODE.gui" "state" {
        state = types.enum [ true false "on" "off" "any" ];
      }
    ) // {
      description = "Whether there is a graphical interface. In short: `gui = false`.";
      example = false;
    };

    gpus = several (
      knob "MODE.gpus.NAME" "owner" {
        owner = types.enum [ "display" "compute" "none" "any" ];
        compute-mode = types.enum [ "default" "exclusive-process" "prohibited" "any" ];
        power-limit = power;
        persistence = anyOr types.bool;
        mig = types.either (types.enum [ "off" "any" ]) (types.listOf types.str);
      }
    ) // {
      description = ''
        Who may have each card, by the names of {option}`services.moded.gpus`, or
        `primary` and `others` without any; and what its driver is told. In short:
        `gpus.gpu0 = "display"`.
      '';
      example = { gpu0 = "display"; gpu1 = { owner = "none"; when-missing = "skip"; }; };
    };

    audio = one (
      knob "MODE.audio" "state" {
        state = types.enum [ "on" "realtime" "off" "any" ];
        quantum = types.enum [ 16 32 64 128 256 512 1024 2048 4096 8192 ];
        rate = types.ints.between 8000 768000;
      }
    ) // {
      description = "The sound of every user that is logged in. In short: `audio = \"on\"`.";
      example = { state = "realtime"; quantum = 64; rate = 48000; };
    };

    target = one (
      knob "MODE.target" "unit" {
        unit = anyOr (unit "target");
        isolate = types.bool;
      }
    ) // {
      description = ''
        A systemd target of the mode. Units that shall live and die with it say so:
        `systemd.services.NAME = { wantedBy = [ TARGET ]; partOf = [ TARGET ]; }`. In
        short: `target = "moded-desktop.target"`.
      '';
      example = "moded-desktop.target";
    };

    tune = one (
      knob "MODE.tune" "state" {
        state = types.enum [ "off" "low-latency" "any" ];
      }
    ) // {
      description = "The kernel's knobs that low-latency audio wants. In short: `tune = \"off\"`.";
      example = "low-latency";
    };

    k3s = one (
      knob "MODE.k3s" "state" {
        state = types.enum [ "full" "control-plane" "minimal" "off" "any" ];
      }
    ) // {
      description = "How much this node does, see {option}`services.moded.settings.k3s`. In short: `k3s = \"full\"`.";
      example = "control-plane";
    };

    vllm = several (
      knob "MODE.vllm.NAME" "state" {
        state = types.enum [ "off" "any" ];
        gpus = types.listOf types.str;
      }
    ) // {
      description = "The servers of {option}`services.moded.settings.vllm`: off, or on which cards. In short: `vllm.main = \"off\"`.";
      example = { main.gpus = [ "gpu0" "gpu1" ]; };
    };

    units = several (
      knob "MODE.units.UNIT" "state" {
        state = types.enum [ "active" "inactive" "any" ];
        environment = types.attrsOf types.str;
        ready = url;
        ready-timeout = duration;
        start-timeout = duration;
        stop-timeout = duration;
      }
    ) // {
      description = "Units of the system by their full names. In short: `units.\"ai.service\" = \"inactive\"`.";
      example = { "fstrim.timer" = "inactive"; };
    };

    slices = several (
      knob "MODE.slices.SLICE" null (
        limits
        // {
          cpu-quota = types.str;
          allowed-cpus = types.str;
        }
      )
    ) // {
      description = "Limits of slices of PID 1, while the mode lasts.";
      example = { "system.slice".cpu-weight = 20; };
    };

    user-slices = several (knob "MODE.user-slices.SLICE" null limits) // {
      description = "Limits of slices inside the manager of every user that is logged in.";
      example = { "background.slice".cpu-weight = 10; };
    };
  };
in
{
  base = types.submodule { freeformType = types.attrsOf value; options = knobs; };
  mode = types.submodule {
    # A knob of a newer daemon, or of a patched one, is passed on as it is.
    freeformType = types.attrsOf value;
    options = table "MODE" { summary = types.str; enabled = types.bool; } // knobs;
  };
}
