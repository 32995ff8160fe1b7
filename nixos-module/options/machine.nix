# What the machine has: cards, graphical interface, AI servers, a node.
{ lib }:
let
  inherit (lib) mkOption types;
  inherit (import ./types.nix { inherit lib; })
    anyUnit
    duration
    pci
    service
    table
    tableRequired
    url
    uuid
    value
    ;

  weight = types.ints.between 1 10000;

  # A table that is not there unless it is set.
  absent =
    options: doc:
    mkOption (
      {
        type = types.nullOr (
          types.submodule {
            freeformType = types.attrsOf value;
            inherit options;
          }
        );
        default = null;
      }
      // doc
    );
in
{
  gpu = types.submodule {
    freeformType = types.attrsOf value;
    options = table "gpus.NAME" {
      inherit pci uuid;
      release-timeout = duration;
    };
  };

  idle =
    absent
      (table "idle" {
        after = duration;
        sessions = types.enum [
          "none"
          "locked"
          "any"
        ];
      })
      {
        description = "When an unused machine takes the edges that name the trigger `idle`.";
        example = {
          after = "30m";
          sessions = "locked";
        };
      };

  gui = absent (table "gui" { units = types.listOf anyUnit; }) {
    description = "What the graphical interface is on this machine.";
    example = {
      units = [
        "display-manager.service"
        "graphical.target"
      ];
    };
  };

  vllm = mkOption {
    type = types.attrsOf (
      types.submodule {
        freeformType = types.attrsOf value;
        options =
          tableRequired "vllm.NAME" {
            unit = service;
            url = url;
          }
          // table "vllm.NAME" {
            model = types.str;
            tensor-parallel = types.either (types.enum [ "gpus" ]) (types.ints.between 1 64);
            drain-timeout = duration;
            ready-timeout = duration;
          };
      }
    );
    default = { };
    description = ''
      Inference servers, under names of your own. Each needs its unit in
      {option}`systemd.services`. The module adds what a server that modes move
      must have: `EnvironmentFile=` with the cards that moded gives it, the gate, a
      `KillMode=` that ends its engine, and times; and it takes `wantedBy` away, for
      the mode decides whether the server runs.
    '';
    example = {
      main = {
        unit = "vllm.service";
        url = "http://127.0.0.1:8000";
      };
    };
  };

  k3s =
    absent
      (table "k3s" {
        unit = service;
        node = types.str;
        drain-timeout = duration;
        start-timeout = duration;
        label = types.bool;
        taint = types.enum [
          "NoSchedule"
          "PreferNoSchedule"
        ];
        scale-to-zero = types.str;
        evict-emptydir = types.bool;
        evict-unmanaged = types.bool;
        evict-system = types.bool;
        killall = types.either service (types.enum [ "" ]);
        cpu-weight = weight;
        minimal-cpu-weight = weight;
      })
      {
        description = ''
          This machine as a node of a cluster, see {option}`services.k3s`. The API is
          asked with the kubeconfig in {file}`/etc/moded/kubeconfig`, which is a
          secret and therefore not made by the module.
        '';
        example = {
          label = true;
          killall = "moded-k3s-off.service";
        };
      };
}
