// Talks to moded on the system bus. Knows nothing of the shell, and never waits:
// every answer comes to a callback. dbus/org.modectl.Manager1.xml is the contract.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';

import {measured} from './trace.js';

const NAME = 'org.modectl.Manager1';
const PATH = '/org/modectl/Manager1';
const INTERFACE = 'org.modectl.Manager1';
const PROPERTIES = 'org.freedesktop.DBus.Properties';

// Reads are quick, or something is wrong. A call that may ask for a password
// takes as long as a person does.
const READ_LIMIT = 30000;
const NO_LIMIT = GLib.MAXINT32;

// A read must not start a daemon that then changes the mode.
const READ = Gio.DBusCallFlags.NO_AUTO_START;
const ASK = READ | Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION;

// Which property goes where in the state.
const FIELDS = {
    Mode: 'mode',
    Target: 'target',
    Transition: 'transition',
    LastTransition: 'last',
    Degraded: 'degraded',
    Holds: 'holds',
    Modes: 'names',
};

const unknown = () => ({
    present: false,
    loaded: false,
    mode: '',
    target: '',
    transition: {},
    last: {},
    degraded: [],
    holds: 0,
    names: [],
    modes: [],
    steps: [],
});

// Unpacks these keys of an array of dictionaries that have many more.
function pick(array, keys) {
    return Array.from({length: array?.n_children() ?? 0}, (_, i) => {
        const dictionary = array.get_child_value(i);
        const values = keys.map(key => [key, dictionary.lookup_value(key, null)?.recursiveUnpack()]);
        return Object.fromEntries(values.filter(([, value]) => value !== undefined));
    });
}

/**
 * A client of the daemon. `state` is what is known of it; `changed` is called
 * after each change, and `failed` with what was asked and the daemon's sentence
 * when something that the person asked for was refused.
 */
export class Manager {
    constructor({changed, failed}) {
        this.state = unknown();
        this._changed = changed;
        this._failed = failed;
        this._cancellable = new Gio.Cancellable();
        this._generation = 0;
        this._wanted = new Set();
        this._cookies = new Map();
        this._subscription = 0;
        this._watch = 0;
    }

    start() {
        Gio.bus_get(Gio.BusType.SYSTEM, this._cancellable, measured('bus', (_source, result) => {
            try {
                this._listen(Gio.bus_get_finish(result));
            } catch (error) {
                this._ignoreCancelled(error);
            }
        }));
    }

    /** Ends everything; holds are given back. */
    stop() {
        this._cancellable.cancel();
        for (const cookie of this._cookies.values())
            this._release(cookie);
        this._cookies.clear();
        this._wanted.clear();
        if (this._watch)
            Gio.bus_unwatch_name(this._watch);
        if (this._subscription)
            this._connection.signal_unsubscribe(this._subscription);
        this._watch = this._subscription = 0;
        this._changed = this._failed = () => {};
    }

    _listen(connection) {
        this._connection = connection;
        this._subscription = connection.signal_subscribe(
            NAME, PROPERTIES, 'PropertiesChanged', PATH, INTERFACE, Gio.DBusSignalFlags.NONE,
            measured('PropertiesChanged', (...args) => this._propertiesChanged(args.at(-1))));
        this._watch = Gio.bus_watch_name_on_connection(
            connection, NAME, Gio.BusNameWatcherFlags.NONE,
            measured('appeared', () => this._appeared()),
            measured('vanished', () => this._vanished()));
    }

    _appeared() {
        this._generation++;
        this.state = {...unknown(), present: true};
        this._changed();
        this._load();
        this._wanted.forEach(scope => this._hold(scope, READ));
    }

    _vanished() {
        this._generation++;
        this._cookies.clear();
        this.state = unknown();
        this._changed();
    }

    _load() {
        const args = new GLib.Variant('(s)', [INTERFACE]);
        this._call('GetAll', args, {interface: PROPERTIES}, reply => {
            this._take(reply.get_child_value(0));
            this.state.loaded = true;
            this._listModes();
            this._changed();
        });
    }

    _propertiesChanged(parameters) {
        if (!this.state.loaded)
            return;
        const names = this.state.names.join();
        this._take(parameters.get_child_value(1));
        if (parameters.get_child_value(2).n_children() > 0)
            this._load();
        if (this.state.names.join() !== names)
            this._listModes();
        this._changed();
    }

    // Unpacks what is of use here, and nothing else: verdicts are many.
    _take(properties) {
        const {id} = this.state.transition;
        for (const [property, field] of Object.entries(FIELDS)) {
            const value = properties.lookup_value(property, null);
            if (value)
                this.state[field] = value.recursiveUnpack();
        }
        const now = this.state.transition;
        if (now.id !== id || now.step && !this.state.steps.some(s => s.name === now.step))
            this._listSteps(now.id);
    }

    _listModes() {
        this._call('ListModes', null, {}, reply => {
            this.state.modes = pick(reply.get_child_value(0), ['mode', 'summary', 'default']);
            this._changed();
        });
    }

    // The property names the step that runs. What each does is in the record, which
    // has all of the plan; after a countdown the plan may be another.
    _listSteps(id) {
        if (!id) {
            this.state.steps = [];
            return;
        }
        this._call('GetTransition', new GLib.Variant('(u)', [id]), {}, reply => {
            const steps = reply.get_child_value(0).lookup_value('steps', null);
            this.state.steps = pick(steps, ['name', 'summary']);
            this._changed();
        });
    }

    /** Asks whether the caller may: yes, challenge, no or na. */
    canSwitch(mode, done) {
        this._call('CanSwitch', new GLib.Variant('(s)', [mode]), {}, reply => done(reply.deepUnpack()[0]));
    }

    /** Asks what a switch would do: {allowed, verdicts, steps}. */
    plan(mode, done, failed) {
        this._call('Plan', new GLib.Variant('(su)', [mode, 0]), {}, reply => {
            done({
                allowed: reply.get_child_value(0).get_boolean(),
                verdicts: pick(reply.get_child_value(1), ['outcome', 'summary', 'remedy']),
                steps: pick(reply.get_child_value(2), ['ends', 'sessions']),
            });
        }, failed);
    }

    /** Asks who holds the mode. */
    listHolds(done) {
        this._call('ListHolds', null, {}, reply => done(reply.get_child_value(0).recursiveUnpack()));
    }

    switchTo(mode) {
        this._do('SwitchMode', new GLib.Variant('(suus)', [mode, 0, 0, '']), {mode});
    }

    cancel(id) {
        this._do('Cancel', new GLib.Variant('(u)', [id]));
    }

    proceed(id) {
        this._do('Proceed', new GLib.Variant('(u)', [id]));
    }

    confirm(id) {
        this._do('Confirm', new GLib.Variant('(u)', [id]));
    }

    /** Tries once more to undo what is stuck. */
    undoAgain() {
        this._do('Recover', new GLib.Variant('(u)', [0]));
    }

    /** Says whether we hold the mode with that scope, or are about to. */
    holds(scope) {
        return this._wanted.has(scope);
    }

    /** Takes a hold, or gives it back. It lasts over restarts of the daemon. */
    setHold(scope, on) {
        if (on === this.holds(scope))
            return;
        if (on) {
            this._wanted.add(scope);
            this._hold(scope, ASK);
            return;
        }
        this._wanted.delete(scope);
        const cookie = this._cookies.get(scope);
        if (cookie)
            this._release(cookie);
        this._cookies.delete(scope);
    }

    // Not cancelled by stop(): a hold that was taken must be given back.
    _hold(scope, flags) {
        const args = new GLib.Variant('(sss)', [scope, 'GNOME Shell', 'kept in the quick settings']);
        this._call('Hold', args, {flags, limit: NO_LIMIT, cancellable: null}, reply => {
            const [cookie] = reply.deepUnpack();
            if (this._wanted.has(scope) && !this._cookies.has(scope))
                this._cookies.set(scope, cookie);
            else
                this._release(cookie);
        }, error => {
            this._wanted.delete(scope);
            this._failed('Hold', {}, error.message);
            this._changed();
        });
    }

    _release(cookie) {
        this._call('Release', new GLib.Variant('(u)', [cookie]), {cancellable: null}, () => {}, () => {});
    }

    // Something that the person asked for: may ask for a password, and says so
    // when it comes to nothing.
    _do(member, args, context = {}) {
        this._call(member, args, {flags: ASK, limit: NO_LIMIT}, () => {},
            error => this._failed(member, context, error.message));
    }

    // An answer of a daemon that is gone says nothing about the one that is there.
    _call(member, args, options, done, failed = error => console.debug(`moded: ${member}: ${error.message}`)) {
        if (!this._connection)
            return;
        const generation = this._generation;
        const {flags = READ, limit = READ_LIMIT, cancellable = this._cancellable} = options;
        this._connection.call(
            NAME, PATH, options.interface ?? INTERFACE, member, args, null, flags, limit, cancellable,
            measured(member, (connection, result) => {
                let reply;
                try {
                    reply = connection.call_finish(result);
                } catch (error) {
                    if (!this._ignoreCancelled(error))
                        this._answer(generation, failed, error);
                    return;
                }
                this._answer(generation, done, reply);
            }));
    }

    _answer(generation, callback, value) {
        if (value instanceof GLib.Error)
            Gio.DBusError.strip_remote_error(value);
        if (generation === this._generation)
            callback(value);
    }

    _ignoreCancelled(error) {
        const cancelled = error.matches?.(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED) ?? false;
        if (!cancelled && !this._connection)
            console.warn(`moded: cannot reach the system bus: ${error.message}`);
        return cancelled;
    }
}
