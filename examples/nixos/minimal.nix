{ inputs, ... }:
{
  imports = [ inputs.moded.nixosModules.default ];
  services.moded.enable = true;
}
