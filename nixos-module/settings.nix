# The options -> the settings of render.nix. Pure, over builtins alone: what was
# not set (null, or a collection with nothing in it) is not written, so that the
# daemon's own default holds, also one of a later version.
let
  inherit (builtins) attrNames elem filter isAttrs isList listToAttrs map;

  # Collections, which are as good as absent when empty. An empty mode is not: it
  # has all knobs of base.
  collections = [
    "gpus"
    "vllm"
    "units"
    "slices"
    "user-slices"
    "environment"
    "modes"
    "guards"
  ];

  absent = name: v: v == null || (v == { } && elem name collections) || (v == [ ] && name == "edges");

  clean =
    v:
    if isAttrs v then
      let
        kept = listToAttrs (map (name: { inherit name; value = clean v.${name}; }) (attrNames v));
      in
      removeAttrs kept (filter (name: absent name kept.${name}) (attrNames kept))
    else if isList v then
      map clean v
    else
      v;
in
{
  inherit clean;

  # What the options beside `settings` add to it.
  own =
    cfg:
    clean {
      default-mode = cfg.defaultMode;
      inherit (cfg)
        modes
        edges
        guards
        gpus
        ;
    };
}
