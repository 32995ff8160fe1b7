# An allowed way from a mode to another.
{ lib }:
let
  inherit (lib) types;
  inherit (import ./types.nix { inherit lib; })
    duration
    missing
    service
    table
    tableRequired
    value
    ;
in
types.submodule {
  freeformType = types.attrsOf value;
  options =
    tableRequired "edges" {
      event = types.strMatching "[a-z][a-z0-9_-]*";
      from = types.str;
      to = types.str;
    }
    // table "edges" {
      through = types.enum [ "transitioning" ];
      guards = types.listOf types.str;
      triggers = types.listOf (
        types.enum [
          "manual"
          "idle"
          "studio-user-gone"
          "pipewire-gone"
          "memory-pressure"
        ]
      );
      grace = duration;
      after-condition = duration;
      before = types.listOf service;
      after = types.listOf service;
      when-missing = missing;
      enabled = types.bool;
    };
}
