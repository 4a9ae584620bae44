/** Incidents in the address: `#view=incidents` is the list, `#incident=I-12` one of them. */

/** The incident that a fragment names, "" for the list; null where it is not about incidents. */
export function shownBy(hash: string): string | null {
  const said = new URLSearchParams(hash.slice(1));
  return said.get("incident") ?? (said.get("view") === "incidents" ? "" : null);
}

/** The fragment of an incident, or of the list. */
export function hashOf(id: string): string {
  return id ? `#${new URLSearchParams({ incident: id }).toString()}` : "#view=incidents";
}
