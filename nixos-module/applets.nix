# The panel applets, which need nothing of the rest to be built.
{ lib, stdenvNoCC }:
let
  applet =
    {
      name,
      from,
      to,
    }:
    stdenvNoCC.mkDerivation {
      pname = "moded-${name}";
      version = "unreleased";
      src = ../desktop;
      dontBuild = true;
      installPhase = ''
        runHook preInstall
        mkdir -p $out/share/${to}
        cp -r ${from} $out/share/${to}/
        runHook postInstall
      '';
      meta = {
        description = "The mode of the workstation in the panel of ${name}";
        homepage = "https://github.com/modectl/moded";
        license = lib.licenses.asl20;
        platforms = lib.platforms.linux;
      };
    };
in
{
  gnome = applet {
    name = "gnome";
    from = "gnome/modectl@modectl.org";
    to = "gnome-shell/extensions";
  };
  plasma = applet {
    name = "plasma";
    from = "plasma/org.modectl.moded";
    to = "plasma/plasmoids";
  };
}
