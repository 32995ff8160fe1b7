.pragma library

// plain makes plain data of the values of a reply. Plasma wraps most of them,
// {value: 3} is 3; which ones depends on its version, and its lists are none to
// JavaScript before they have been through JSON.
function plain(values) {
    return unwrapped(JSON.parse(JSON.stringify(values)));
}

// No dictionary of moded's has "value" as its only key.
function unwrapped(value) {
    if (Array.isArray(value)) {
        return value.map(unwrapped);
    }
    if (typeof value !== "object" || value === null) {
        return value;
    }
    const keys = Object.keys(value);
    if (keys.length === 1 && keys[0] === "value") {
        return unwrapped(value.value);
    }
    const dict = {};
    for (const key of keys) {
        dict[key] = unwrapped(value[key]);
    }
    return dict;
}
