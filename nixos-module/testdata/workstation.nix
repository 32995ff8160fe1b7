# The edges, the quoted keys and the inline tables of a real configuration.
{
  default-mode = "desktop";
  restore = false;
  drift = null; # not set
  gpus.gpu0.pci = "0000:01:00.0";
  gpus.gpu1 = { pci = "0000:02:00.0"; release-timeout = "1m"; };
  gui.units = [ "display-manager.service" "graphical.target" ];
  base = {
    gui = true;
    audio.state = "on";
    gpus = { gpu0 = "display"; gpu1 = "any"; };
    target = "moded-desktop.target";
    slices."system.slice".cpu-weight = 100;
    units."ai.service".state = "inactive";
  };
  modes.desktop.summary = "A \"quoted\" line,\twith a tab";
  modes.compute = {
    gui = false;
    audio.state = "off";
    gpus = { gpu0 = "compute"; gpu1 = "compute"; };
    target = "moded-compute.target";
    units."ai.service" = {
      state = "active";
      environment.CUDA_VISIBLE_DEVICES = "0,1";
      ready = "http://127.0.0.1:8000/health";
    };
  };
  edges = [
    { event = "to_compute"; from = "desktop"; to = "compute"; through = "transitioning"; guards = [ "load" ]; grace = "30s"; }
    { event = "to_desktop"; from = "compute"; to = "desktop"; through = "transitioning"; }
  ];
  guards.load = { kind = "load"; window = "5m"; max-per-cpu = 0.5; };
}
