// The toggle in the quick settings, and what its menu has in which order.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';

import * as Main from 'resource:///org/gnome/shell/ui/main.js';
import * as PopupMenu from 'resource:///org/gnome/shell/ui/popupMenu.js';
import {QuickMenuToggle} from 'resource:///org/gnome/shell/ui/quickSettings.js';

import {askToEnd} from './dialog.js';
import {HoldItem, ModeItem, Remedies, TextItem} from './menu.js';
import {measured} from './trace.js';
import {endings, icon} from './words.js';

export const ModeToggle = GObject.registerClass(
class ModedToggle extends QuickMenuToggle {
    _init(dir, words, manager, changed) {
        super._init({title: words._('Mode'), toggleMode: false});
        this._dir = dir;
        this._words = words;
        this._manager = manager;
        this._changed = changed;
        this._icons = new Map();
        this._items = new Map();
        this._answers = new Map();
        this._holds = [];
        this.connect('clicked', measured('clicked', () => this.menu.open()));
        this.menu.connect('open-state-changed',
            measured('open', (_menu, open) => open && this._inquire()));
    }

    _build() {
        const {_} = this._words;
        this._warnings = new TextItem('dialog-warning-symbolic');
        this._progress = new TextItem('content-loading-symbolic');
        this._remedies = new Remedies((member, id) => this._manager[member](id));
        this._modes = new PopupMenu.PopupMenuSection();
        this._keep = [
            new HoldItem(_('No Automatic Changes'), on => this._manager.setHold('automatic', on)),
            new HoldItem(_('Keep This Mode'), on => this._manager.setHold('all', on)),
        ];
        this._above = new PopupMenu.PopupSeparatorMenuItem();
        this._below = new PopupMenu.PopupSeparatorMenuItem();
        [this._warnings, this._progress, this._remedies, this._above, this._modes, this._below, ...this._keep]
            .forEach(item => this.menu.addMenuItem(item));
    }

    /** Shows what the manager knows now, as far as it fits into the toggle. */
    sync() {
        const {state} = this._manager;
        const usual = state.modes.find(m => m.default)?.mode ?? state.mode;
        this.subtitle = this._words.subtitle(state, GLib.get_real_time());
        this.gicon = this._gicon(state.target || state.mode);
        this.checked = state.loaded && state.mode !== usual;
    }

    /** Shows the rest in the menu. The first call builds it, and asks for another. */
    syncMenu() {
        const {state} = this._manager;
        if (!this._modes) {
            this._build();
            this._changed();
            return;
        }
        this.menu.setHeader(this.gicon, this.title, this.subtitle);
        this._syncStatus(state, GLib.get_real_time());
        this._syncModes(state);
        this._syncHolds(state);
    }

    _syncStatus(state, now) {
        const warnings = state.present
            ? this._words.warnings(state, this._holds)
            : [this._words._('moded is not running. An administrator starts it with: systemctl start moded')];
        this._warnings.say(warnings.join('\n'));
        this._progress.say(state.transition.id ? this._words.progress(state, now) : '');
        this._above.visible = Boolean(state.transition.id);
        this._remedies.offer(state.transition.id, this._words.remedies(state.transition));
    }

    _syncModes(state) {
        const names = state.modes.map(m => m.mode);
        if (names.join() !== [...this._items.keys()].join())
            this._fill(names);
        state.modes.forEach(info => {
            const {answer, reason} = this._answers.get(info.mode) ?? {};
            const current = info.mode === state.mode;
            this._items.get(info.mode).update({
                current,
                about: this._words.about(info, answer, current ? '' : reason),
                sensitive: current || !(answer === 'na' || answer === 'no'),
            });
        });
        if (this._settled !== this._key(state)) {
            this._settled = this._key(state);
            this._answers.clear();
            if (this.menu.isOpen)
                this._inquire();
        }
    }

    // What CanSwitch and Plan say holds until one of these is another.
    _key({mode, holds, transition, present, names}) {
        return [present, mode, holds, transition.id, transition.phase, names].join();
    }

    _fill(names) {
        this._modes.removeAll();
        this._items.clear();
        for (const name of names) {
            const item = new ModeItem(this._gicon(name), this._words.title(name), () => this._choose(name));
            this._items.set(name, item);
            this._modes.addMenuItem(item);
        }
    }

    _syncHolds(state) {
        const [automatic, all] = this._keep;
        automatic.update(this._manager.holds('automatic'), state.loaded);
        all.update(this._manager.holds('all'), state.loaded);
        this._below.visible = state.loaded;
    }

    _gicon(mode) {
        const name = icon(mode);
        if (!this._icons.has(name)) {
            const file = this._dir.get_child('icons').get_child(`${name}.svg`);
            this._icons.set(name, new Gio.FileIcon({file}));
        }
        return this._icons.get(name);
    }

    // What is asked when somebody looks: it costs the daemon a look at the machine.
    _inquire() {
        const {state} = this._manager;
        state.modes.map(m => m.mode).forEach(mode => this._inquireOf(mode));
        this._manager.listHolds(holds => {
            this._holds = holds.filter(h => h.who !== 'GNOME Shell' || h.user !== GLib.get_user_name());
            this._changed();
        });
    }

    _inquireOf(mode) {
        const key = this._settled;
        const keep = part => {
            if (key !== this._settled)
                return;
            this._answers.set(mode, {...this._answers.get(mode), ...part});
            this._changed();
        };
        this._manager.canSwitch(mode, answer => keep({answer}));
        if (mode !== this._manager.state.mode && !this._manager.state.transition.id)
            this._manager.plan(mode, plan => keep({reason: this._words.reason(plan)}));
    }

    // A plan comes first: whoever would lose programs is asked.
    _choose(mode) {
        if (mode === this._manager.state.mode)
            return;
        this._manager.plan(mode, plan => {
            if (!endings(plan).sessions.length)
                this._manager.switchTo(mode);
            else if (plan.allowed)
                this._ask(mode, plan);
            else
                Main.notify(this._words.failure('SwitchMode', {mode}), this._words.refusal(plan));
        });
    }

    _ask(mode, plan) {
        Main.panel.closeQuickSettings();
        this._dialog?.close();
        const dialog = askToEnd(this._words, mode, plan, () => this._manager.switchTo(mode));
        dialog.connect('destroy', measured('dialog', () => {
            if (this._dialog === dialog)
                this._dialog = null;
        }));
        this._dialog = dialog;
    }

    // The menu is not our child: without this, it would stay behind in the panel.
    destroy() {
        this._dialog?.close();
        this.menu.destroy();
        super.destroy();
    }
});
