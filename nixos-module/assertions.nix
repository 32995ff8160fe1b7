# What can be seen to be wrong before anything is built. The daemon's own decoder
# sees the rest when the file is built.
{ config, lib, ... }:
let
  inherit (builtins) attrNames concatStringsSep elem;
  inherit (lib)
    concatMap
    filter
    mapAttrsToList
    optional
    unique
    ;

  cfg = config.services.moded;
  inherit (import ./options/types.nix { inherit lib; }) keys;
  names = list: if list == [ ] then "none" else concatStringsSep ", " list;
  fail = message: { assertion = false; message = "services.moded: ${message}"; };
  unless = assertion: message: optional (!assertion) (fail message);

  # What there is by name, the embedded default's included.
  gone = attrNames (lib.filterAttrs (_: m: m.enabled == false) cfg.modes);
  modes = lib.subtractLists gone (unique (keys.default.modes ++ attrNames cfg.modes));
  guards = unique (keys.default.guards ++ attrNames cfg.guards);
  gpus = if cfg.gpus == { } then keys.default.gpus else attrNames cfg.gpus;

  base = cfg.settings.base or null;
  places = mapAttrsToList (name: mode: { at = "modes.${name}"; inherit mode; }) cfg.modes
    ++ optional (base != null) { at = "settings.base"; mode = base; };

  unknownModes = concatMap (
    edge:
    concatMap (
      end:
      unless (elem edge.${end} modes)
        "the edge ${edge.event} has ${end} = \"${edge.${end}}\", which is no mode. Modes are ${names modes}: add modes.${edge.${end}}, or mend the name."
    ) [ "from" "to" ]
    ++ concatMap (
      guard:
      unless (elem guard guards)
        "the edge ${edge.event} asks the guard ${guard}, which is not in services.moded.guards. Guards are ${names guards}."
    ) (if edge.guards == null then [ ] else edge.guards)
  ) (filter (edge: edge.enabled != false) cfg.edges);

  unknownGPUs = concatMap (
    { at, mode }:
    let
      servers = concatMap (server: if server.gpus == null then [ ] else server.gpus) (lib.attrValues mode.vllm);
    in
    concatMap (
      gpu:
      unless (elem gpu gpus)
        "${at} names the GPU ${gpu}, which services.moded.gpus does not. GPUs are ${names gpus}: add gpus.${gpu}.pci or .uuid (modectl status --resources lists the cards)."
    ) (unique (attrNames mode.gpus ++ servers))
  ) places;

  # The embedded default has tune = "low-latency" in studio.
  tunes = mode: mode.tune != null && mode.tune.state == "low-latency";
  tuned =
    concatMap ({ at, mode }: optional (tunes mode) at) places
    ++ optional (elem "studio" modes && (cfg.modes.studio.tune or null) == null && !tunes (cfg.modes.studio or { tune = null; })) "modes.studio (the embedded default)";
  rivals =
    optional (config.services.tuned.enable or false) "services.tuned.enable"
    ++ optional (config.services.auto-cpufreq.enable or false) "services.auto-cpufreq.enable"
    ++ optional (config.services.tlp.enable or false) "services.tlp.enable";
  # Not powerManagement.cpuFreqGovernor, which many a hardware-configuration.nix
  # sets: it writes the governor once, at boot, and moded puts back what it found.
  governor = unless (tuned == [ ] || rivals == [ ])
    "${names rivals} and moded would both set the CPU governor: ${names tuned} has tune = \"low-latency\". Turn it off (power-profiles-daemon gets along with moded), or say modes.studio.tune = \"off\" and settings.base.tune = \"off\".";

  steering = lib.mapAttrsToList (
    name: server:
    let
      name' = lib.removeSuffix ".service" server.unit;
      template = builtins.match "(.+@).+" name';
      units = config.systemd.services;
      unit = units.${name'} or (if template == null then { } else units.${lib.head template} or { });
      service = unit.serviceConfig or { };
      kill = service.KillMode or "mixed";
      files = lib.flatten [ (service.EnvironmentFile or [ ]) ];
      lax = filter (file: lib.hasPrefix "-/run/moded/env/" (toString file)) files;
      there = service ? ExecStart || (unit.script or "") != "";
    in
    if lib.hasPrefix "docker-" server.unit || lib.hasPrefix "podman-" server.unit then
      fail "settings.vllm.${name} cannot be steered: ${server.unit} runs a container, which does not see the unit's environment and is not among its processes. Run vllm serve in a unit of its own (examples/nixos/workstation.nix)."
    else if !there then
      fail "settings.vllm.${name} cannot be steered: systemd.services has no ${server.unit} with an ExecStart. Define it (examples/nixos/workstation.nix), or name the unit that there is."
    else if elem kill [ "process" "none" ] then
      fail "settings.vllm.${name} cannot be steered: KillMode=${kill} of ${server.unit} leaves its engine on the cards when it stops. Leave KillMode out, or say \"mixed\"."
    else if lax != [ ] then
      fail "settings.vllm.${name} cannot be steered: EnvironmentFile=${names lax} of ${server.unit} begins with a dash, so that it would start on all cards without the file. Leave it out: the module sets it."
    else
      { assertion = true; message = ""; }
  ) cfg.settings.vllm;

  k3sUsed = concatMap ({ at, mode }: optional (mode.k3s != null && mode.k3s.state != "any") at) places;
  k3sOff = concatMap ({ at, mode }: optional (mode.k3s != null && mode.k3s.state == "off") at) places;
in
{
  config = lib.mkIf cfg.enable {
    assertions =
      unless config.security.polkit.enable
        "security.polkit.enable is false, so that nobody but root could change the mode. Leave it out, or set it to true."
      ++ unless (cfg.defaultMode == null || elem cfg.defaultMode modes)
        "defaultMode = \"${toString cfg.defaultMode}\" is no mode. Modes are ${names modes}."
      ++ unless (k3sUsed == [ ] || config.services.k3s.enable)
        "${names k3sUsed} moves k3s, and services.k3s.enable is false. Enable it, or say k3s = \"any\"."
      ++ unknownModes
      ++ unknownGPUs
      ++ governor
      ++ steering;

    warnings = optional (k3sOff != [ ] && (cfg.settings.k3s.killall or null) == null)
      "services.moded: ${names k3sOff} turns k3s off, which leaves its containers running, on their GPUs. Say settings.k3s.killall = \"moded-k3s-off.service\".";
  };
}
