# What the options have in common: their descriptions, which are the daemon's own
# (keys.json, made from internal/config), and the types of its words.
{ lib }:
let
  inherit (lib) mkOption types;

  keys = builtins.fromJSON (builtins.readFile ./keys.json);

  # An option that may be left out: null is not written, and the daemon's default
  # holds.
  optional =
    doc: type:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit (doc) description example;
    };

  required = doc: type: mkOption { inherit type; inherit (doc) description example; };

  # Whatever TOML can hold.
  value =
    types.nullOr (
      types.oneOf [
        types.bool
        types.int
        types.float
        types.str
        (types.listOf value)
        (types.attrsOf value)
      ]
    )
    // {
      description = "TOML value";
    };
in
rec {
  inherit keys value;

  # Options of a table, by its path in docs/reference/settings.md.
  table =
    path:
    builtins.mapAttrs (
      name: optional keys.tables.${path}.${name} or keys.tables.${path}."${name}.NAME"
    );
  tableRequired = path: builtins.mapAttrs (name: required keys.tables.${path}.${name});

  # A knob of a mode: a table, or in short only what `main` says.
  knob =
    path: main: options:
    let
      full = types.submodule {
        options =
          table path options
          // builtins.mapAttrs (name: optional keys.knob.${name}) {
            essential = types.bool;
            when-missing = missing;
          };
      };
    in
    if main == null then
      full
    else
      types.coercedTo (types.either types.bool types.str) (short: { ${main} = short; }) full;

  missing = types.enum [
    "refuse"
    "skip"
  ];

  # Units are named in full, as PID 1 names them.
  unit = suffix: words "${suffix} by its full name" "[a-zA-Z0-9@%:_.\\-]+[.]${suffix}";
  service = unit "service";
  anyUnit = words "unit by its full name" "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|timer|target|mount|automount|path|swap)";

  duration = words "time such as \"30s\", \"2m\" or \"1h30m\"" "(([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+|0)?";
  url = words "HTTP address on this machine" "(http://(127[.]0[.]0[.]1|localhost|[[]::1[]])(:[0-9]+)?(/.*)?)?";
  power = words "power such as \"250W\", \"default\" or \"any\"" "[0-9]+([.][0-9]+)?W|default|any";
  pci = words "full PCI address, as lspci -D prints it" "[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}[.][0-7]";
  uuid = words "UUID, as nvidia-smi -L prints it" "GPU-[0-9a-f-]+";

  weight = types.either (types.ints.between 1 10000) (types.enum [ "any" ]);
  anyOr = type: types.either type (types.enum [ "any" ]);

  # A pattern that says what it stands for.
  words = description: pattern: types.strMatching pattern // { inherit description; };
}
