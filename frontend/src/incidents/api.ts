/** Incidents as the API tells them. */

import type { Receipt } from "../verify";

export type Severity = "critical" | "error" | "warning" | "info";
export type IncidentState = "open" | "acknowledged" | "resolved";
/** Which incidents a list holds; `unresolved` are open or acknowledged. */
export type Wanted = "unresolved" | "resolved" | "all";

/** A target that is told, and the person whom it reaches there. */
export interface Receiver {
  target: string;
  recipient: string;
}

/** Moments are RFC 3339, null where there is none. */
export interface Incident {
  id: string;
  title: string;
  severity: Severity;
  state: IncidentState;
  route: string;
  policy: string;
  labels: Record<string, string>;
  opened_at: string;
  changed_at: string;
  firing: number;
  alerts: number;
  /** why nobody is told; empty: they are */
  held: string;
  told: string[];
  escalates_at: string | null;
  /** who is told then, as things stand; an older server does not say it */
  escalates_to?: Receiver[];
  acknowledged_by: string;
  acknowledged_until: string | null;
  resolved_at: string | null;
  resolved_by: string;
}

export interface Happening {
  at: string;
  what: string;
  by: string;
  text: string;
}

/** A message to one target, and what became of it. */
export interface Message {
  id: number;
  target: string;
  recipient: string;
  action: "trigger" | "acknowledge" | "resolve";
  why: string;
  state: "pending" | "delivered" | "dead";
  attempts: number;
  created_at: string;
  next_attempt_at: string | null;
  settled_at: string | null;
  last_error: string | null;
  provider_id: string;
}

export interface IncidentAlert {
  id: string;
  severity: Severity;
  summary: string;
  source: string;
  started_at: string;
  ended_at: string | null;
  labels: Record<string, string>;
  details: Record<string, string | number>;
  links: Record<string, string>;
  generator: string;
}

export interface Proof {
  position: number;
  /** the order's path, null where it is about none */
  order: string | null;
  receipt: Receipt | null;
}

export interface IncidentDetail extends Incident {
  timeline: Happening[];
  timeline_left_out: number;
  messages: Message[];
  alert_items: IncidentAlert[];
  orders: string[];
  proofs: Proof[];
  /** a search of the log around it, as a path of the API */
  logs: string;
  postmortem: string;
}

/** A place that takes messages; `dead` ones were given up. */
export interface Target {
  name: string;
  type: string;
  pending: number;
  dead: number;
}
