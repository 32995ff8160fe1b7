// Lets a test measure how long the shell waits for us.

/**
 * Every function of ours that the shell calls goes through here. It comes back as
 * it is, unless a test has set globalThis.modedMeasured before we were enabled.
 *
 * @param {string} name - which callback, for the report
 * @param {Function} callback - what the shell is to call
 * @returns {Function} - the same, or a measured one
 */
export function measured(name, callback) {
    return globalThis.modedMeasured?.(name, callback) ?? callback;
}
