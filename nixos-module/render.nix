# settings -> TOML text. Pure, over builtins alone, so that it can be tested
# without nixpkgs (nix-instantiate --eval) and evaluated anywhere.
#
#   (import ./render.nix) { default-mode = "desktop"; modes.desktop.summary = "…"; }
#
# Attribute sets become tables, lists of attribute sets arrays of tables; null
# leaves a key out, which is how an option says "not set". Key order is Nix's
# own (sorted), so the same settings always give the same text.
let
  inherit (builtins)
    all attrNames concatMap concatStringsSep filter isAttrs isBool isFloat isInt isList
    isString length match replaceStrings toJSON toString typeOf;

  # TOML's basic strings are JSON's, but for DEL, which Nix cannot hold in a
  # literal either.
  string = s: replaceStrings [ "\\/" ] [ "/" ] (toJSON s);

  key = k: if match "[A-Za-z0-9_-]+" k != null then k else string k;
  path = ks: concatStringsSep "." (map key ks);

  isTables = v: isList v && length v > 0 && all isAttrs v;
  isTable = v: isAttrs v;
  isScalar = v: !(isTable v) && !(isTables v);

  scalar = at: v:
    if isString v then string v
    else if isBool v then (if v then "true" else "false")
    else if isInt v then toString v
    else if isFloat v then toJSON v
    else if isList v then "[" + concatStringsSep ", " (map (scalar at) v) + "]"
    else if isAttrs v then
      "{ " + concatStringsSep ", " (map (k: "${key k} = ${scalar (at ++ [ k ]) v.${k}}") (present v)) + " }"
    else throw "moded: ${path at} has type ${typeOf v}, which TOML cannot hold";

  present = t: filter (k: t.${k} != null) (attrNames t);

  body = at: t:
    map (k: "${key k} = ${scalar (at ++ [ k ]) t.${k}}") (filter (k: isScalar t.${k}) (present t));

  table = at: t:
    let
      lines = body at t;
      subs = filter (k: !(isScalar t.${k})) (present t);
      # A table that only holds tables needs no heading, unless it is empty.
      heading = if at == [ ] || (lines == [ ] && subs != [ ]) then [ ] else [ "" "[${path at}]" ];
    in heading ++ lines ++ concatMap (k: sub (at ++ [ k ]) t.${k}) subs;

  sub = at: v:
    if isTables v then concatMap (t: [ "" "[[${path at}]]" ] ++ body at t ++ nested at t) v
    else table at v;

  # Tables inside an element of an array of tables are written inline: their
  # heading would belong to the last element only by luck.
  nested = at: t:
    map (k: "${key k} = ${scalar (at ++ [ k ]) t.${k}}") (filter (k: !(isScalar t.${k})) (present t));
in
settings: concatStringsSep "\n" (table [ ] settings) + "\n"
