// Machine Mode: a quick-settings toggle for moded.

import {Extension} from 'resource:///org/gnome/shell/extensions/extension.js';
import * as Main from 'resource:///org/gnome/shell/ui/main.js';

import {Indicator} from './indicator.js';
import {measured} from './trace.js';
import {Words} from './words.js';

export default class ModedExtension extends Extension {
    enable() {
        measured('enable', () => {
            this._indicator = new Indicator(this.dir, new Words(this));
            Main.panel.statusArea.quickSettings.addExternalIndicator(this._indicator);
        })();
    }

    // We are in unlock-dialog too, without showing anything there: whoever keeps the
    // mode and locks the screen still keeps it. A hold is the connection's that took
    // it, and goes with us.
    disable() {
        measured('disable', () => {
            this._indicator?.destroy();
            this._indicator = null;
        })();
    }
}
