# The dual-use workstation in one file: a GNOME desktop with REAPER on JACK, and
# the same machine as an AI server with vLLM and k3s on both cards.
#
# Change the marked lines to what `modectl status --resources` says of yours, and
# import the file beside hardware-configuration.nix, in a flake with the input moded
# and specialArgs = { inherit inputs; }.
{
  config,
  inputs,
  pkgs,
  ...
}:
let
  model = "Qwen/Qwen3-32B";
in
{
  imports = [ inputs.moded.nixosModules.default ];

  # ---- the desktop -----------------------------------------------------------
  services.displayManager.gdm.enable = true;
  services.desktopManager.gnome.enable = true;
  # Every user has the panel's menu from the first login on.
  services.desktopManager.gnome.extraGSettingsOverrides = ''
    [org.gnome.shell]
    enabled-extensions=['modectl@modectl.org']
  '';

  # ---- audio: PipeWire with JACK, and what a DAW wants at login --------------
  security.rtkit.enable = true;
  services.pipewire = {
    enable = true;
    alsa.enable = true;
    pulse.enable = true;
    jack.enable = true;
  };
  security.pam.loginLimits = [
    { domain = "@audio"; item = "rtprio"; type = "-"; value = "95"; }
    { domain = "@audio"; item = "memlock"; type = "-"; value = "unlimited"; }
  ];
  users.users.dev = {
    isNormalUser = true;
    extraGroups = [ "audio" "wheel" ];
  };
  # REAPER, NVIDIA's driver and CUDA are unfree.
  nixpkgs.config.allowUnfree = true;
  environment.systemPackages = [ pkgs.reaper ];

  # ---- the cards -------------------------------------------------------------
  services.xserver.videoDrivers = [ "nvidia" ];
  hardware.graphics.enable = true;
  hardware.nvidia.open = true;

  # ---- AI --------------------------------------------------------------------
  # Which cards it has, when it starts and stops: the mode says. The module adds
  # EnvironmentFile=, the gate and the times.
  systemd.services.vllm = {
    description = "vLLM";
    environment.HF_HUB_OFFLINE = "1";
    # On loopback alone: with this moded can pause the server before it stops it.
    environment.VLLM_SERVER_DEV_MODE = "1";
    serviceConfig = {
      DynamicUser = true;
      StateDirectory = "vllm";
      Slice = "ai.slice";
      # Of pkgsCuda: pkgs.vllm computes on CPUs alone.
      ExecStart = "${pkgs.pkgsCuda.vllm}/bin/vllm serve ${model} --served-model-name qwen3-32b --host 127.0.0.1 --port 8000 --tensor-parallel-size \${MODED_TENSOR_PARALLEL_SIZE}";
    };
    environment.HF_HOME = "/var/lib/vllm";
  };

  services.k3s = {
    enable = true;
    role = "server";
    # What moded may do in the cluster, and no more. Its key goes to
    # /etc/moded/kubeconfig, as the file says.
    manifests.moded-rbac.source = "${config.services.moded.package}/share/doc/moded/examples/kubernetes/moded-rbac.yaml";
  };
  # With fragments, so that limits on them do something.
  systemd.slices.ai.description = "AI servers";

  # Lives and dies with studio mode.
  systemd.services.studio-lights = {
    description = "The red light at the door";
    wantedBy = [ "moded-studio.target" ];
    partOf = [ "moded-studio.target" ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "${pkgs.coreutils}/bin/touch /run/recording";
      ExecStop = "${pkgs.coreutils}/bin/rm -f /run/recording";
    };
  };
  # A hook: must succeed before anything is touched.
  systemd.services.backup-projects = {
    description = "Copy the projects before the desktop ends";
    serviceConfig = {
      Type = "oneshot";
      ExecStart = "${pkgs.rsync}/bin/rsync -a /home/dev/projects/ /var/backup/projects/";
    };
  };

  # ---- modes -----------------------------------------------------------------
  services.moded = {
    enable = true;
    applets = [ "gnome" ];
    agents.enable = true;
    defaultMode = "desktop";

    gpus = {
      gpu0.uuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"; # yours: the display's
      gpu1 = {
        pci = "0000:02:00.0"; # yours: the other one's
        release-timeout = "1m";
      };
    };

    settings = {
      restore = false;
      drift = "report";
      idle = {
        after = "45m";
        sessions = "locked";
      };
      gui.units = [ "display-manager.service" "graphical.target" ];
      vllm.main = {
        unit = "vllm.service";
        url = "http://127.0.0.1:8000";
        model = "qwen3-32b";
        tensor-parallel = "gpus";
        drain-timeout = "2m";
        ready-timeout = "20m";
      };
      k3s = {
        unit = "k3s.service";
        node = ""; # the host name
        drain-timeout = "5m";
        start-timeout = "3m";
        label = true;
        taint = "PreferNoSchedule";
        scale-to-zero = "modectl.org/scale=zero";
        evict-emptydir = true;
        evict-unmanaged = false;
        evict-system = false;
        killall = "moded-k3s-off.service";
        cpu-weight = 100;
        minimal-cpu-weight = 10;
      };

      # Where every knob stands unless a mode says otherwise.
      base = {
        gui = true;
        audio = "on";
        tune = "off";
        target = "moded-desktop.target";
        k3s = "any";
        vllm.main = "any";
        gpus = {
          gpu0 = "display";
          gpu1 = {
            owner = "any";
            compute-mode = "default";
            power-limit = "default";
            persistence = "any";
            mig = "any";
          };
        };
        slices."system.slice" = {
          cpu-weight = 100;
          io-weight = 100;
          memory-high = "infinity";
          cpu-quota = "infinity";
          allowed-cpus = "all";
        };
        slices."ai.slice" = {
          cpu-weight = 100;
          when-missing = "skip";
        };
        user-slices."background.slice" = {
          cpu-weight = 30;
          io-weight = "any";
          memory-high = "infinity";
        };
        units."fstrim.timer" = "active";
        units."model-cache.service" = {
          state = "inactive";
          when-missing = "skip";
        };
      };
    };

    modes = {
      desktop = {
        summary = "Interactive workstation; AI on the second card is welcome";
        k3s = "control-plane";
        vllm.main = {
          gpus = [ "gpu1" ];
          essential = false;
        };
      };
      studio = {
        summary = "Strict low-latency audio";
        target = "moded-studio.target";
        audio = {
          state = "realtime";
          quantum = 64;
          rate = 48000;
        };
        tune = "low-latency";
        k3s = "minimal";
        gpus.gpu1 = "none";
        vllm.main = "off";
        slices."system.slice".cpu-weight = 20;
        slices."ai.slice".cpu-weight = 10;
        user-slices."background.slice".cpu-weight = 10;
        units."fstrim.timer" = "inactive";
      };
      compute = {
        summary = "Headless throughput";
        target = {
          unit = "moded-compute.target";
          isolate = false;
        };
        gui = false;
        audio = "off";
        k3s = "full";
        gpus = {
          gpu0 = "compute";
          gpu1 = {
            owner = "compute";
            power-limit = "300W";
          };
        };
        vllm.main.gpus = [ "gpu0" "gpu1" ];
        units."model-cache.service" = {
          state = "active";
          environment.CACHE_SIZE = "200G";
          ready = "http://127.0.0.1:9000/health";
          ready-timeout = "5m";
          start-timeout = "2m";
          stop-timeout = "1m";
        };
      };
    };

    # The embedded default's other edges stay: studio and back, compute and back.
    edges = [
      {
        event = "enter_studio";
        from = "desktop";
        to = "studio";
        guards = [ "compute-jobs" ];
      }
      {
        event = "enforced_exit";
        from = "studio";
        to = "desktop";
        triggers = [ "studio-user-gone" "pipewire-gone" "memory-pressure" ];
        after-condition = "10s";
      }
      {
        event = "to_compute";
        from = "desktop";
        to = "compute";
        through = "transitioning";
        triggers = [ "manual" "idle" ];
        grace = "30s";
        guards = [ "audio-idle" "daw-inactive" "gpu-free" "cpu-load" "user-jobs" "memory" ];
        before = [ "backup-projects.service" ];
        after = [ ];
        when-missing = "refuse";
        enabled = true;
      }
      {
        event = "to_desktop";
        from = "compute";
        to = "desktop";
        through = "transitioning";
        guards = [ "vllm-can-yield" "gpu-memory-reclaimable" ];
      }
    ];

    guards = {
      daw-inactive = {
        kind = "daw";
        programs = [ "reaper" "ardour" "bitwig-studio" ];
        reaper-web = "http://127.0.0.1:8080";
        last-look = true;
      };
      memory = {
        kind = "memory";
        floor = "4GiB";
        on-unknown = "warn";
        overridable = true;
      };
      compute-jobs = {
        kind = "compute-jobs";
        max-requests = 0;
        max-gpu-pods = 0;
      };
      vllm-can-yield.kind = "vllm-yield";
      gpu-memory-reclaimable.kind = "gpu-memory";
    };
  };
}
