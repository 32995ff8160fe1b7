// Brings the bus and the toggle together, and lives as long as the extension is
// enabled.

import GLib from 'gi://GLib';
import GObject from 'gi://GObject';

import * as Main from 'resource:///org/gnome/shell/ui/main.js';
import {SystemIndicator} from 'resource:///org/gnome/shell/ui/quickSettings.js';

import {Manager} from './manager.js';
import {ModeToggle} from './toggle.js';
import {measured} from './trace.js';

// Phases that end by themselves, and whose end is counted down to.
const COUNTED = ['grace', 'awaiting-confirm'];

export const Indicator = GObject.registerClass(
class ModedIndicator extends SystemIndicator {
    _init(dir, words) {
        super._init();
        this._words = words;
        this._timer = 0;
        this._idle = 0;
        this._icon = this._addIndicator();
        this._manager = new Manager({
            changed: () => this._syncSoon(),
            failed: (...args) => this._tell(...args),
        });
        this._toggle = new ModeToggle(dir, words, this._manager, () => this._syncSoon());
        this.quickSettingsItems.push(this._toggle);
        Main.sessionMode.connectObject('updated', measured('sessionMode', () => this._syncSoon()), this);
        this._toggle.sync();
        this._manager.start();
    }

    // News come in bursts: they are shown once, when the shell has nothing better to do.
    _syncSoon() {
        this._idle ||= GLib.idle_add(GLib.PRIORITY_DEFAULT_IDLE, measured('sync', () => {
            this._idle = 0;
            this._sync();
            return GLib.SOURCE_REMOVE;
        }));
    }

    _sync() {
        const {state} = this._manager;
        this._toggle.visible = !Main.sessionMode.isLocked;
        this._toggle.sync();
        this._toggle.syncMenu();
        this._icon.gicon = this._toggle.gicon;
        this._icon.visible = Boolean(state.transition.id || state.degraded.length);
        this._count(COUNTED.includes(state.transition.phase));
    }

    // A second's beat while something is counted down, and none else.
    _count(on) {
        if (on === Boolean(this._timer))
            return;
        if (on) {
            this._timer = GLib.timeout_add_seconds(GLib.PRIORITY_DEFAULT, 1, measured('countdown', () => {
                this._sync();
                return GLib.SOURCE_CONTINUE;
            }));
        } else {
            GLib.source_remove(this._timer);
            this._timer = 0;
        }
    }

    _tell(member, context, message) {
        Main.notify(this._words.failure(member, context), message);
    }

    destroy() {
        this._manager.stop();
        this._count(false);
        if (this._idle)
            GLib.source_remove(this._idle);
        this._idle = 0;
        Main.sessionMode.disconnectObject(this);
        this.quickSettingsItems.forEach(item => item.destroy());
        this.quickSettingsItems = [];
        super.destroy();
    }
});
