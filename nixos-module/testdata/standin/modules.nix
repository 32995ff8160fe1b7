# The module system in small: imports, options, freeform types, mkIf, mkMerge and
# priorities. As strict as nixpkgs' about what is declared nowhere and about types.
{ lib }:
let
  inherit (builtins)
    attrNames concatLists concatMap filter foldl' functionArgs head intersectAttrs isAttrs isFunction
    isPath isString length listToAttrs map mapAttrs toJSON tryEval;

  isOption = v: isAttrs v && (v._type or "") == "option";

  # What mkIf and mkMerge leave, as a flat list.
  discharge = def:
    if !isAttrs def then [ def ]
    else if (def._type or "") == "merge" then concatMap discharge def.contents
    else if (def._type or "") == "if" then (if def.condition then discharge def.content else [ ])
    else [ def ];

  # The same for a set of options, without looking at conditions: they move to the
  # attributes, so that which attributes there are does not depend on any value.
  pushDown = def:
    if !isAttrs def then [ def ]
    else if (def._type or "") == "merge" then concatMap pushDown def.contents
    else if (def._type or "") == "if" then map (mapAttrs (_: lib.mkIf def.condition)) (pushDown def.content)
    else if (def._type or "") == "override" then map (mapAttrs (_: lib.mkOverride def.priority)) (pushDown def.content)
    else [ def ];

  priority = def: if isAttrs def && (def._type or "") == "override" then def.priority else 100;
  content = def: if isAttrs def && (def._type or "") == "override" then def.content else def;

  # Those of the highest priority; mkIf may be inside of mkDefault and outside.
  strongest = defs:
    let
      low = foldl' (a: d: if priority d < a then priority d else a) 10000 defs;
    in concatMap (d: discharge (content d)) (filter (d: priority d == low) defs);

  show = value: let tried = tryEval (toJSON value); in if tried.success then tried.value else "…";

  mergeDefinitions = loc: type: raw:
    let
      values = strongest (concatMap discharge raw);
      wrong = filter (v: !(type.check v)) values;
    in
    if wrong != [ ] then
      throw "A definition for option `${lib.showOption loc}' is not of type `${type.description}'. Definition values: ${show (head wrong)}"
    else type.merge loc values;

  load = args: module:
    let
      m = if isPath module || isString module then import module else module;
      set = if isFunction m then m (intersectAttrs (functionArgs m) args // (if functionArgs m == { } then args else { })) else m;
      plain = !(set ? options || set ? config);
      self = {
        options = set.options or { };
        config = if plain then removeAttrs set [ "imports" "freeformType" "_file" "key" "meta" ] else set.config or { };
        freeformType = set.freeformType or null;
        # Who is imported twice is there once.
        key = set.key or (if isPath module || isString module then toString module else null);
      };
    in
    [ self ] ++ concatMap (load args) (set.imports or [ ]);

  # The value at a place of the tree of options.
  resolve = free: loc: trees: configs:
    let
      decls = filter isOption trees;
      defs = concatMap pushDown configs;
      sets = map (d: if isAttrs d then d else throw "The option `${lib.showOption loc}' is a set of options, and defined as ${show d}") defs;
      declared = lib.unique (concatMap attrNames trees);
      defined = lib.unique (concatMap attrNames sets);
      child = name: from: concatMap (s: if s ? ${name} then [ s.${name} ] else [ ]) from;
      undeclared = filter (name: !(lib.elem name declared) && concatMap discharge (child name sets) != [ ]) defined;
      below = listToAttrs (map (name: { inherit name; value = resolve null (loc ++ [ name ]) (child name trees) (child name sets); }) declared);
    in
    if decls != [ ] then
      (if length trees > 1 then throw "The option `${lib.showOption loc}' is declared twice" else option loc (head decls) configs)
    else if undeclared == [ ] then below
    else if free == null then
      throw "The option `${lib.showOption (loc ++ [ (head undeclared) ])}' does not exist."
    else free.merge loc (map (s: listToAttrs (map (name: { inherit name; value = s.${name}; }) (filter (name: s ? ${name}) undeclared))) sets) // below;

  option = loc: decl: configs:
    let
      type = decl.type or lib.types.anything;
      defs = concatMap discharge configs;
      value =
        if defs != [ ] then mergeDefinitions loc type defs
        else if decl ? default then mergeDefinitions loc type [ (lib.mkOverride 1500 decl.default) ]
        else throw "The option `${lib.showOption loc}' was accessed but has no value defined. Try setting the option.";
    in (decl.apply or (v: v)) value;

  # Every option below a place, those inside of types as well.
  list = loc: trees:
    let
      decls = filter isOption trees;
      child = name: concatMap (s: if s ? ${name} then [ s.${name} ] else [ ]) trees;
      here = head decls;
    in
    if decls != [ ] then [ ({ inherit loc; } // here) ] ++ (if here ? type then here.type.options loc else [ ])
    else concatMap (name: list (loc ++ [ name ]) (child name)) (lib.unique (concatMap attrNames trees));
in
{
  inherit discharge mergeDefinitions;
  evalModules = { modules, prefix ? [ ], specialArgs ? { } }:
    let
      all = concatLists (map (load ({ inherit config lib; options = trees; } // specialArgs)) modules);
      loaded = foldl' (list: m: if m.key != null && builtins.any (other: other.key == m.key) list then list else list ++ [ m ]) [ ] all;
      trees = map (m: m.options) loaded;
      free = filter (f: f != null) (map (m: m.freeformType) loaded);
      config = resolve (if free == [ ] then null else head free) prefix trees (map (m: m.config) loaded);
    in { inherit config; declarations = list prefix trees; };
}
