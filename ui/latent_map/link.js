// Linked maps: what is pinned, selected or looked at in one of a group is told to the others, in the
// browser.
// No imports.

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
