// Linked maps: what is pinned, selected or looked at in one of a group is told to the others, in the
// browser, and what each makes of what it hears. No imports.

const groups = new Map();

/** Joins a group; `hear(message)` is called with what others say, first with the last pin. */
export function join(name, hear) {
  const group = groups.get(name) ?? { members: new Set(), pin: null };
  groups.set(name, group);
  group.members.add(hear);
  const last = group.pin;
  return {
    last,
    tell(message) {
      if ("pin" in message) group.pin = message.pin && message;
      for (const member of group.members) if (member !== hear) member(message);
    },
    leave() {
      group.members.delete(hear);
      if (!group.members.size) groups.delete(name);
    },
  };
}

/** The other maps, as one of them sees them. */
export class Company {
  constructor(map) {
    this.map = map;
    this.link = null;
  }

  join(group) {
    this.leave();
    if (!group) return;
    this.link = join(group, (message) => this.hear(message));
    const { last } = this.link;
    if (last && !this.map.data.pin) this.map.wish = { ...last.pin, from: last.run };
  }

  leave() {
    this.link?.leave();
    this.link = null;
  }

  tell(message) {
    this.link?.tell(message);
  }

  tellPin(pin) {
    this.tell({ pin, run: this.shown });
  }

  /** A selection as other maps ask the server for it: it names the map that it was drawn on. */
  tellSelection(selection) {
    if (!selection) {
      this.tell({ selection });
      return;
    }
    const { run: { id, digest }, view } = this.map.data;
    const query = { ...selection.query, on: `${id}/${digest}`, ...(view.slice && { slice2: view.slice }) };
    this.tell({ selection: { ...selection, query } });
  }

  /** What another map needs to know of what this one decodes. */
  get shown() {
    const { run, view } = this.map.data;
    return { ...run, view };
  }

  async hear({ pin, run, look, leave, selection }) {
    const { map } = this;
    if (!map.ready) {
      if (pin) map.wish = { ...pin, from: run };
    } else if (selection !== undefined) map.selection.follow(selection);
    else if (pin === null) map.unpin();
    else if (leave) map.unsee();
    else if (look) {
      const point = look.index === null ? null : map.plane.points.of(look.index);
      if (point) map.see({ z: point.z, point });
      else if (map.data.link === "place") map.see({ z: look.z, point: null });
      else if (map.sight) map.unsee();
    } else if (pin) {
      map.sight = null;
      try {
        const place = pin.index === null ? await this.arrival(pin.z, run) : pin.z;
        await map.pin({ z: place, index: pin.index }, { commit: true, followed: true });
      } catch (error) {
        map.fail(error, () => this.hear({ pin, run }));
      }
    }
  }

  /** Where this map pins a place that was pinned on another: there too, or at the same picture. */
  async arrival(z, from) {
    const { map } = this;
    const same = JSON.stringify(from) === JSON.stringify(this.shown);
    if (map.data.link === "place" || same) return z;
    map.asking?.abort();
    map.asking = new AbortController();
    return (await map.api.arrival(from, z, map.asking.signal)).z;
  }
}
