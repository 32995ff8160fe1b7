package psi

// Wait waits for any descriptor that the kernel can make urgent.
var Wait = wait
