# A musician's machine: desktop and studio, no AI and no compute mode. Half of the
# CPUs are the DAW's alone while the studio lasts, and what somebody turns by hand
# is turned back.
{ inputs, ... }:
{
  imports = [ inputs.moded.nixosModules.default ];

  security.rtkit.enable = true;
  services.pipewire = {
    enable = true;
    alsa.enable = true;
    pulse.enable = true;
    jack.enable = true;
  };

  services.moded = {
    enable = true;
    applets = [ "plasma" ];
    settings.drift = "correct";
    settings.base.slices."user.slice".allowed-cpus = "all";
    settings.base.slices."system.slice" = {
      cpu-weight = 100;
      allowed-cpus = "all";
    };

    modes.compute.enabled = false;
    modes.studio = {
      audio = {
        state = "realtime";
        quantum = 128;
        rate = 96000;
      };
      slices."system.slice".allowed-cpus = "0-3";
    };

    # A take is not ended because memory is short.
    edges = [
      {
        event = "enforced_exit";
        from = "studio";
        to = "desktop";
        enabled = false;
      }
      {
        event = "enter_studio";
        from = "desktop";
        to = "studio";
        guards = [ "user-jobs" ];
      }
    ];
  };
}
