// The rows of the menu. They show what they are told, and know nothing of moded.

import Clutter from 'gi://Clutter';
import GObject from 'gi://GObject';
import Pango from 'gi://Pango';
import St from 'gi://St';

import * as PopupMenu from 'resource:///org/gnome/shell/ui/popupMenu.js';

import {measured} from './trace.js';

// A label that takes as many lines as it needs.
function paragraph(params) {
    const label = new St.Label({x_expand: true, ...params});
    label.clutter_text.line_wrap = true;
    label.clutter_text.ellipsize = Pango.EllipsizeMode.NONE;
    return label;
}

function column() {
    return new St.Widget({
        x_expand: true,
        y_align: Clutter.ActorAlign.CENTER,
        layout_manager: new Clutter.BoxLayout({orientation: Clutter.Orientation.VERTICAL}),
    });
}

/** A mode to choose, with a line about it. */
export const ModeItem = GObject.registerClass(
class ModedModeItem extends PopupMenu.PopupBaseMenuItem {
    _init(gicon, title, choose) {
        super._init({style_class: 'moded-mode'});
        this._title = new St.Label({text: title});
        this._about = paragraph({style_class: 'moded-about'});
        const texts = column();
        texts.add_child(this._title);
        texts.add_child(this._about);
        this.add_child(new St.Icon({gicon, style_class: 'popup-menu-icon'}));
        this.add_child(texts);
        this.label_actor = this._title;
        this.connect('activate', measured('choose', choose));
    }

    update({current, about, sensitive}) {
        this._about.text = about;
        this._about.visible = about !== '';
        this.setOrnament(current ? PopupMenu.Ornament.CHECK : PopupMenu.Ornament.NONE);
        this.setSensitive(sensitive);
    }
});

/** Lines to read, or nothing at all. */
export const TextItem = GObject.registerClass(
class ModedTextItem extends PopupMenu.PopupBaseMenuItem {
    _init(iconName) {
        super._init({activate: false, hover: false, can_focus: false});
        this.remove_style_class_name('popup-inactive-menu-item'); // it is to be read
        this._text = paragraph({});
        this.add_child(new St.Icon({icon_name: iconName, style_class: 'popup-menu-icon'}));
        this.add_child(this._text);
        this.label_actor = this._text;
        this.visible = false;
    }

    say(text) {
        this._text.text = text;
        this.visible = text !== '';
    }
});

/** What can be done about a transition: a row for each. */
export class Remedies extends PopupMenu.PopupMenuSection {
    constructor(act) {
        super();
        this._act = act;
        this._offered = '';
    }

    offer(id, remedies) {
        const offered = `${id} ${remedies.join()}`;
        if (offered === this._offered)
            return;
        this._offered = offered;
        this.removeAll();
        remedies.forEach(([member, label]) =>
            this.addAction(label, measured(member, () => this._act(member, id))));
    }
}

/** A switch that keeps the menu open, to see what became of it. */
export const HoldItem = GObject.registerClass(
class ModedHoldItem extends PopupMenu.PopupSwitchMenuItem {
    _init(label, hold) {
        super._init(label, false);
        this.connect('toggled', measured('hold', (_item, on) => hold(on)));
    }

    activate() {
        this.toggle();
    }

    update(on, visible) {
        this.setToggleState(on);
        this.visible = visible;
    }
});
