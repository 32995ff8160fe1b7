# The types of nixpkgs' lib that the module uses: what each accepts, how several
# definitions become one, and what is inside it.
{ lib }:
let
  inherit (builtins)
    all attrNames concatLists concatStringsSep elem elemAt filter head isAttrs isBool isFloat isFunction isInt
    isList isPath isString length listToAttrs match toJSON;

  type = { name, description ? name, check, merge ? equal, options ? _: [ ], inner ? null }:
    { _type = "option-type"; inherit name description check merge options inner; };

  # Definitions that must all say the same.
  equal = loc: values:
    if all (v: v == head values) values then head values
    else throw "The option `${lib.showOption loc}' has conflicting definition values: ${toJSON values}";

  simple = name: description: check: type { inherit name description check; };
  quoted = v: if isString v then "\"${v}\"" else if isBool v then (if v then "true" else "false") else toString v;

  types = rec {
    bool = simple "bool" "boolean" isBool;
    int = simple "int" "signed integer" isInt;
    float = simple "float" "floating point number" (v: isFloat v);
    str = simple "str" "string" isString;
    path = simple "path" "path" (v: isPath v || (isString v && match "/.*" v != null) || (isAttrs v && v ? outPath));
    package = simple "package" "package" (v: isAttrs v && v ? outPath);
    # Merges as many things do: sets by key, lists by joining, the rest must agree.
    anything = type {
      name = "anything"; check = _: true;
      merge = loc: values:
        if all (v: isAttrs v && !(v ? outPath)) values then (attrsOf anything).merge loc values
        else if all isList values then concatLists values else equal loc values;
    };
    # nixos/lib/systemd-unit-options.nix: lists are joined, all else must agree, and
    # a list beside something else is a mistake.
    unitOption = type {
      name = "unitOption"; description = "systemd option"; check = _: true;
      merge = loc: values:
        if !isList (head values) then equal loc values
        else if all isList values then concatLists values
        else throw "The definitions for systemd unit options should be either all lists, representing repeatable options, or all non-lists, but for the option ${lib.showOption loc}, the definitions are a mix of list and non-list";
    };
    lines = type { name = "lines"; description = "strings concatenated with \"\\n\""; check = isString; merge = _: concatStringsSep "\n"; };
    enum = values: type {
      name = "enum"; description = "one of ${concatStringsSep ", " (map quoted values)}"; check = v: elem v values;
    };
    strMatching = pattern: simple "strMatching" "string matching the pattern ${pattern}" (v: isString v && match pattern v != null);
    ints = {
      between = low: high: simple "intBetween" "integer between ${toString low} and ${toString high} (both inclusive)"
        (v: isInt v && v >= low && v <= high);
      positive = simple "positiveInt" "positive integer, meaning >0" (v: isInt v && v > 0);
    };
    nullOr = elem: type {
      name = "nullOr"; description = "null or ${elem.description}"; inner = elem; inherit (elem) options;
      check = v: v == null || elem.check v;
      merge = loc: values:
        if all (v: v == null) values then null
        else if elem.check (head values) then elem.merge loc (filter (v: v != null) values)
        else throw "The option `${lib.showOption loc}' is defined both null and not null";
    };
    either = a: b: type {
      name = "either"; description = "${a.description} or ${b.description}";
      check = v: a.check v || b.check v;
      merge = loc: values: if all a.check values then a.merge loc values else if all b.check values then b.merge loc values else equal loc values;
    };
    oneOf = list: lib.foldl' either (head list) (lib.tail list);
    listOf = elem: type {
      name = "listOf"; description = "list of ${elem.description}"; check = isList; inner = elem;
      options = prefix: elem.options (prefix ++ [ "*" ]);
      merge = loc: values: concatLists (lib.imap1 (n: list: lib.imap1
        (m: v: lib.mergeDefinitions (loc ++ [ "[definition ${toString n}-entry ${toString m}]" ]) elem [ v ]) list) values);
    };
    attrsOf = elem: type {
      name = "attrsOf"; description = "attribute set of ${elem.description}"; check = v: isAttrs v && !(v ? outPath); inner = elem;
      options = prefix: elem.options (prefix ++ [ "<name>" ]);
      merge = loc: values:
        let
          names = lib.unique (concatLists (map attrNames values));
          defs = name: concatLists (map (v: if v ? ${name} then lib.discharge v.${name} else [ ]) values);
          present = filter (name: defs name != [ ]) names;
        in listToAttrs (map (name: { inherit name; value = lib.mergeDefinitions (loc ++ [ name ]) elem (defs name); }) present);
    };
    # A value of another type is turned into one of this type.
    coercedTo = from: turn: to: type {
      name = "coercedTo"; inherit (to) options;
      description = "${to.description} or ${from.description} convertible to it";
      check = v: (from.check v && to.check (turn v)) || to.check v;
      merge = loc: values: to.merge loc (map (v: if from.check v then turn v else v) values);
    };
    submodule = modules:
      let list = if isList modules then modules else [ modules ];
      in type {
        name = "submodule"; check = v: isAttrs v || isFunction v;
        options = prefix: (lib.evalModules { modules = list; inherit prefix; }).declarations;
        merge = loc: values: (lib.evalModules {
          modules = list ++ map (v: if isFunction v then v else { config = v; }) values;
          prefix = loc;
          specialArgs.name = elemAt loc (length loc - 1);
        }).config;
      };
  };
in
types
