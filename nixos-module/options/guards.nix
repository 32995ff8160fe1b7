# A guard: what every kind takes; its own parameters are freeform, and checked by
# the daemon's decoder when the configuration is built.
{ lib }:
let
  inherit (lib) types;
  inherit (import ./types.nix { inherit lib; }) keys table value;
in
types.submodule {
  freeformType = types.attrsOf value;
  options = table "guards.NAME" {
    kind = types.enum (builtins.attrNames keys.guards);
    last-look = types.bool;
    on-unknown = types.enum [
      "deny"
      "warn"
    ];
    overridable = types.bool;
  };
}
