// Asks before something is closed for good.

import Clutter from 'gi://Clutter';

import * as Dialog from 'resource:///org/gnome/shell/ui/dialog.js';
import {ModalDialog} from 'resource:///org/gnome/shell/ui/modalDialog.js';

import {measured} from './trace.js';

/**
 * Names what a switch closes, and goes on when the person says so.
 *
 * @param {object} words - the sentences
 * @param {string} mode - where to
 * @param {object} plan - what Plan said
 * @param {Function} go - what Switch does
 * @returns {object} - the dialog, which is open
 */
export function askToEnd(words, mode, plan, go) {
    const {title, text} = words.question(mode, plan);
    const dialog = new ModalDialog();
    dialog.contentLayout.add_child(new Dialog.MessageDialogContent({title, description: text}));
    dialog.setButtons([
        {label: words._('Cancel'), action: () => dialog.close(), key: Clutter.KEY_Escape, default: true},
        {
            label: words._('Close and Switch'),
            action: measured('agree', () => {
                dialog.close();
                go();
            }),
        },
    ]);
    dialog.open();
    return dialog;
}
