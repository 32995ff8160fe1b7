# The units of AI servers and of k3s, so that modes can move them.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.moded;
  nameOf = lib.removeSuffix ".service";
  servers = lib.attrValues cfg.settings.vllm;
  # An instance is its template's: options of it alone would hide the template.
  own = lib.filter (server: builtins.match ".+@.+" (nameOf server.unit) == null) servers;

  steered = {
    # The mode decides whether it runs: at boot it would find no environment file.
    wantedBy = lib.mkForce [ ];
    serviceConfig = {
      # The engine and its workers are children, and hold the cards.
      KillMode = lib.mkDefault "mixed";
      # More than vLLM's own --shutdown-timeout; how long the loading may take is
      # the configuration's ready-timeout.
      TimeoutStopSec = lib.mkDefault "45s";
      TimeoutStartSec = lib.mkDefault "infinity";
    };
  };
in
{
  config = lib.mkIf cfg.enable {
    systemd.packages = lib.optional (servers != [ ]) (
      pkgs.linkFarm "moded-steered-units" (
        map (server: {
          name = "lib/systemd/system/${server.unit}.d/50-moded-steered.conf";
          path = ./steered.conf;
        }) servers
      )
    );

    systemd.services = lib.mkMerge [
      (lib.listToAttrs (map (server: lib.nameValuePair (nameOf server.unit) steered) own))
      # k3s.service itself stays as it is: its KillMode=process leaves containers
      # running, with their cards, when it stops. So mode "off" ends them by the
      # script of the k3s package, whose wrapper knows all programs but those that
      # take mounts, interfaces and packet filter rules away.
      {
        moded-k3s-off = {
          restartIfChanged = false;
          path = lib.mkIf config.services.k3s.enable [
            pkgs.iproute2
            pkgs.iptables
            pkgs.util-linux
          ];
          serviceConfig = lib.mkIf config.services.k3s.enable {
            ExecStart = [
              ""
              "${config.services.k3s.package}/bin/k3s-killall.sh"
            ];
          };
        };
      }
    ];
  };
}
