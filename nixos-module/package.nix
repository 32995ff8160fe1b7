# All programs, units and pages, laid out by `make install`. The brain and the
# others are static; the probe alone is linked, for NVIDIA's library.
{
  lib,
  stdenv,
  buildGoModule,
  addDriverRunpath,
  coreutils,
  versionCheckHook,
  version ? "unreleased",
}:
let
  # The probe gets them by hand, and the others from buildGoModule.
  ldflags = [
    "-s"
    "-w"
    "-X github.com/modectl/moded/internal/version.Version=${version}"
  ];
in
buildGoModule {
  pname = "moded";
  inherit version;

  # All of it: what `go mod vendor` collects depends on every Go file. Only what
  # git and builds leave at the top stays out.
  src = lib.cleanSourceWith {
    src = ../.;
    name = "moded-source";
    filter =
      path: _:
      !(builtins.elem (lib.removePrefix "${toString ../.}/" (toString path)) [
        ".git"
        "build"
        "result"
      ]);
  };

  # Of `go mod vendor`'s outcome. A test makes it anew and compares, so that a
  # change of go.mod cannot leave it behind (make generate writes it).
  vendorHash = lib.fileContents ./vendor.hash;

  nativeBuildInputs = [ addDriverRunpath ];
  env.CGO_ENABLED = 0;
  inherit ldflags;
  subPackages = [
    "cmd/moded"
    "cmd/modectl"
    "cmd/moded-agent"
    "cmd/moded-workload"
    "cmd/moded-tune"
  ];

  # go-nvml leaves the functions of NVIDIA's library undefined until it has opened
  # it. nixpkgs links everything with -z now, and then the probe would not even
  # start on a machine without the driver.
  hardeningDisable = [ "bindnow" ];

  # Not preBuild: that would run for the vendored modules, too. Pages and
  # completions are printed by programs of the machine that builds.
  postBuild = ''
    CGO_ENABLED=1 CGO_CFLAGS="-O2 -g -Wno-deprecated-declarations" \
      go build -ldflags "${lib.concatStringsSep " " ldflags} -extldflags=-Wl,-z,lazy" -o "$GOPATH/bin/moded-probe" ./cmd/moded-probe
    here() {
      env GOOS="$(go env GOHOSTOS)" GOARCH="$(go env GOHOSTARCH)" go run "$@"
    }
    here ./internal/reference/manpages -out build/man -version ${version}
    mkdir -p build/completion
    here ./cmd/modectl completion bash > build/completion/modectl
    here ./cmd/modectl completion zsh > build/completion/_modectl
    here ./cmd/modectl completion fish > build/completion/modectl.fish
  '';

  # What needs neither bus, nor root, nor a network. The rest is make test.
  checkPhase = ''
    runHook preCheck
    go test ./pkg/... ./internal/config/...
    runHook postCheck
  '';

  installPhase = ''
    runHook preInstall
    make install SHELL=${stdenv.shell} VERSION=${version} BIN="$GOPATH/bin" DESTDIR= \
      PREFIX=$out LIBEXECDIR=$out/libexec/moded SYSCONFDIR=$out/etc LIBDIR=$out/lib
    # The module makes its own /etc/moded; applets are packages of their own.
    rm -rf $out/etc $out/share/gnome-shell $out/share/plasma
    # systemd of NixOS finds no program without a path.
    substituteInPlace $out/lib/systemd/system/moded.service \
      --replace-fail "ExecReload=kill " "ExecReload=${coreutils}/bin/kill "
    runHook postInstall
  '';

  doInstallCheck = true;
  nativeInstallCheckInputs = [ versionCheckHook ];
  versionCheckProgramArg = "version";

  # /run/opengl-driver/lib, where NixOS has the driver's libraries.
  postFixup = ''
    addDriverRunpath $out/libexec/moded/moded-probe
  '';

  meta = {
    description = "Makes the mode of a workstation explicit, and moves safely between desktop, studio and compute";
    homepage = "https://github.com/modectl/moded";
    license = lib.licenses.asl20;
    mainProgram = "modectl";
    platforms = lib.platforms.linux;
  };
}
