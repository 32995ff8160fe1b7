// What the checks ask of GNOME Shell, from inside it. Eval runs this once; it
// reads and moves the same actors that a person sees.
(function () {
    const {Clutter, GLib, Gio, GObject, St} = imports.gi;
    const OPEN = [0, 2]; // ModalDialog's OPENED and OPENING
    const UUID = 'modectl@modectl.org';
    const {quickSettings} = Main.panel.statusArea;

    const extension = () => Main.extensionManager.lookup(UUID);
    const indicators = () => quickSettings._indicators.get_children()
        .filter(actor => actor.constructor.name === 'ModedIndicator');
    const toggle = () => indicators()[0].quickSettingsItems[0];

    // All that is written on an actor.
    function texts(actor) {
        if (!actor.visible)
            return [];
        if (actor instanceof St.Label)
            return actor.text ? [actor.text] : [];
        return actor.get_children().flatMap(texts);
    }

    function items(menu) {
        return menu._getMenuItems().flatMap(item => item._getMenuItems ? items(item) : [item])
            .filter(item => item.visible);
    }

    function row(item) {
        const [title = '', ...lines] = texts(item);
        return {
            title,
            lines,
            sensitive: item.sensitive,
            checked: item.has_accessible_state?.(imports.gi.Atk.StateType.CHECKED) ??
                item._ornamentIcon?.icon_name === 'ornament-check-symbolic',
            on: item.state ?? false,
        };
    }

    function dialogs() {
        return Main.layoutManager.modalDialogGroup.get_children().filter(d => d.dialogLayout && d.visible && OPEN.includes(d.state));
    }

    const notifications = () => Main.messageTray.getSources().flatMap(source => source.notifications);

    // A live handler is one that we connected, on something that is still there.
    const ours = () => new Error().stack.includes(UUID);
    const handlers = [];
    let counting = false; // it makes all of the shell slow
    const destroyed = new WeakSet();
    const syncCalls = [];

    function countHandlers() {
        const {connect} = GObject.Object.prototype;
        GObject.Object.prototype.connect = function (...args) {
            const id = connect.apply(this, args);
            if (counting && ours()) {
                if (this instanceof Clutter.Actor)
                    connect.call(this, 'destroy', actor => destroyed.add(actor));
                handlers.push([new WeakRef(this), id, `${this.constructor.name} ${args[0]}`]);
            }
            return id;
        };
    }

    // What has been destroyed, or hangs on no actor any more, never calls.
    function reachable(object) {
        return object instanceof Clutter.ActorMeta ? object.get_actor() !== null : !destroyed.has(object);
    }

    function liveHandlers() {
        imports.system.gc();
        const live = handlers.filter(([ref, id]) => {
            const object = ref.deref();
            return object && reachable(object) && GObject.signal_handler_is_connected(object, id);
        });
        handlers.splice(0, handlers.length, ...live);
        return live.map(h => h[2]);
    }

    function countSync() {
        for (const type of [Gio.DBusConnection, Gio.DBusProxy]) {
            for (const holder of [type, type.prototype]) {
                for (const name of Object.getOwnPropertyNames(holder).filter(n => /_sync$/.test(n))) {
                    const original = holder[name];
                    holder[name] = function (...args) {
                        if (ours())
                            syncCalls.push(name);
                        return original.apply(this, args);
                    };
                }
            }
        }
        const {bus_get_sync: busGetSync} = Gio;
        Gio.bus_get_sync = function (...args) {
            if (ours())
                syncCalls.push('bus_get_sync');
            return busGetSync(...args);
        };
    }

    // How often this thread was put off the CPU against its will: a sample in
    // which that happened says nothing about the callback.
    function interruptions() {
        const [, text] = GLib.file_get_contents('/proc/thread-self/status');
        return Number(/nonvoluntary_ctxt_switches:\s+(\d+)/.exec(new TextDecoder().decode(text))[1]);
    }

    const samples = [];
    const measure = (name, callback) => function (...args) {
        if (counting)
            return callback.apply(this, args);
        const before = interruptions();
        const start = GLib.get_monotonic_time();
        try {
            return callback.apply(this, args);
        } finally {
            const took = GLib.get_monotonic_time() - start;
            samples.push([name, took, interruptions() - before]);
        }
    };

    // The panel's things that may keep something of ours.
    function belongings() {
        return {
            handlers: liveHandlers().length,
            sessionMode: Object.keys(Main.sessionMode._signalConnections).length,
            indicators: indicators().length,
            overlay: quickSettings.menu._overlay.get_n_children(),
            grid: quickSettings.menu._grid.get_n_children(),
            dialogs: Main.layoutManager.modalDialogGroup.get_n_children(),
        };
    }

    const subtitles = [];

    const later = ms => new Promise(done => GLib.timeout_add(GLib.PRIORITY_DEFAULT, ms, () => {
        done();
        return GLib.SOURCE_REMOVE;
    }));

    // Off and on, with the menu open in between, so many times.
    async function cycle(times) {
        for (let i = 0; i < times; i++) {
            drive.disable();
            drive.enable();
            while (toggle().subtitle !== 'Desktop')
                await later(5);
            drive.open();
            await later(30);
            drive.close();
        }
        await later(100);
    }

    countHandlers();
    countSync();
    globalThis.modedMeasured = measure;
    globalThis.drive = {
        cycle, belongings, liveHandlers, interruptions, measure, samples, subtitles, syncCalls,
        count: on => (counting = on),
        busName: () => Gio.DBus.system.get_unique_name(),
        // What an empty callback costs, measured as ours are.
        emptyCall() {
            const times = [];
            for (let i = 0; i < 200; i++) {
                const start = GLib.get_monotonic_time();
                (() => {})();
                times.push(GLib.get_monotonic_time() - start);
            }
            return times.sort((a, b) => a - b)[100];
        },
        // What the shell itself takes to open the calendar's menu: the median.
        shellsOwn() {
            const {menu} = Main.panel.statusArea.dateMenu;
            const times = [];
            for (let i = 0; i < 21; i++) {
                const start = GLib.get_monotonic_time();
                menu.open(0);
                times.push(GLib.get_monotonic_time() - start);
                menu.close(0);
            }
            return times.sort((a, b) => a - b)[10];
        },
        state: () => ({state: extension()?.state ?? 0, error: extension()?.error ?? ''}),
        // Straight through the object that the shell itself calls.
        disable: () => extension().stateObj.disable(),
        enable: () => extension().stateObj.enable(),
        shown: () => indicators().length > 0,
        title: () => toggle().title,
        subtitle: () => toggle().subtitle,
        lit: () => toggle().checked,
        iconShown: () => indicators()[0].visible,
        rows: () => items(toggle().menu).map(row).filter(r => r.title),
        open() {
            Main.overview.hide();
            quickSettings.menu.open(0);
            toggle().menu.open(0);
        },
        close() {
            quickSettings.menu.close(0);
            notifications().forEach(n => n.destroy());
            dialogs().forEach(d => d.close());
        },
        choose(title) {
            const item = items(toggle().menu).find(i => texts(i)[0] === title);
            if (!item)
                throw new Error(`no row ${title}`);
            if (!item.sensitive)
                throw new Error(`the row ${title} is greyed`);
            item.activate(Clutter.get_current_event());
        },
        click: () => toggle().emit('clicked', 1),
        menuIsOpen: () => toggle().menu.isOpen,
        watch() {
            subtitles.length = 0;
            toggle().connect('notify::subtitle', () => subtitles.push(toggle().subtitle));
        },
        dialog() {
            const [dialog] = dialogs();
            return dialog
                ? {texts: texts(dialog.contentLayout), buttons: dialog.buttonLayout.get_children().map(b => b.label)}
                : {texts: [], buttons: []};
        },
        press(label) {
            dialogs()[0].buttonLayout.get_children().find(b => b.label === label).emit('clicked', 1);
        },
        told: () => notifications().map(n => `${n.title}\n${n.body ?? ''}`),
        area() {
            const {box, _overlay: overlay} = quickSettings.menu;
            const [left] = box.get_transformed_position();
            const bottoms = [box, ...overlay.get_children()].filter(a => a.visible)
                .map(a => a.get_transformed_position()[1] + a.get_transformed_size()[1]);
            const x = Math.max(0, Math.floor(left) - 16);
            const height = Math.min(global.screen_height, Math.ceil(Math.max(...bottoms)) + 24);
            return [x, 0, global.screen_width - x, height];
        },
    };
})()
