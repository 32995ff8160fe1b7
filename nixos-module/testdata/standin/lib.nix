# As much of nixpkgs' lib as the module uses, written anew so that its tests need
# no nixpkgs. What is not here cannot be used without a test failing.
let
  inherit (builtins)
    attrNames concatMap concatStringsSep elem filter foldl' head isList length listToAttrs map match
    stringLength substring tail;

  lib = rec {
    inherit (builtins) all any attrNames attrValues concatMap concatStringsSep elem filter foldl' head length listToAttrs mapAttrs tail;
    inherit (import ./modules.nix { inherit lib; }) discharge mergeDefinitions evalModules;
    types = import ./types.nix { inherit lib; };

    mkOption = attrs: attrs // { _type = "option"; };
    mkEnableOption = name: mkOption { type = types.bool; default = false; example = true; description = "Whether to enable ${name}."; };
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
    literalExpression = text: { _type = "literalExpression"; inherit text; };

    unique = foldl' (acc: x: if elem x acc then acc else acc ++ [ x ]) [ ];
    subtractLists = gone: filter (x: !(elem x gone));
    imap1 = f: list: builtins.genList (n: f (n + 1) (builtins.elemAt list n)) (length list);
    optional = yes: x: if yes then [ x ] else [ ];
    optionals = yes: list: if yes then list else [ ];
    optionalString = yes: text: if yes then text else "";
    nameValuePair = name: value: { inherit name value; };
    genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
    mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    filterAttrs = keep: set: listToAttrs (map (name: nameValuePair name set.${name}) (filter (name: keep name set.${name}) (attrNames set)));
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix = suffix: text: let n = stringLength suffix; m = stringLength text; in m >= n && substring (m - n) n text == suffix;
    removeSuffix = suffix: text: if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
    removePrefix = prefix: text: if hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
    fileContents = path: let text = builtins.readFile path; in removeSuffix "\n" text;
    cleanSourceWith = args: args;

    flatten = x: if isList x then concatMap flatten x else [ x ];
    makeBinPath = list: concatStringsSep ":" (map (p: "${p}/bin") list);

    # A name that needs quotes has them, but for what stands for any name.
    showOption = loc: concatStringsSep "." (map (part:
      if elem part [ "<name>" "*" ] || match "[a-zA-Z_][a-zA-Z0-9_'-]*" part != null then part else builtins.toJSON part) loc);
    licenses.asl20 = "Apache-2.0";
    platforms.linux = [ "x86_64-linux" "aarch64-linux" ];
  };
in
lib
