const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** When what was seen is enough. Times in milliseconds. Every number that decides stands here and nowhere else. */
export const LEARN = {
  /** An alert about the certificate is the client's word; a connection that merely ends may be a bad network. */
  alertPoints: 2,
  silentPoints: 1,
  /** Silent ends nearer to each other are one: browsers open six connections at once, and one lost network ends them all. */
  silentSpacing: SECOND,
  /** A silent end so near to a success of the same app with the same name is a spare connection that was not needed. */
  spareWithin: 10 * SECOND,

  /** One name on a device that trusts us: three alerts, or six silent ends, with no success of that app in between. */
  pinPoints: 6,
  /** An app may try once an hour; failures older than a day belong to another story. */
  pinWindow: DAY,
  /** A name on a device that has never shown trust (a television has one name only): five alerts. */
  lonelyPoints: 10,

  /** No trust at all: a page makes a browser contact many names within seconds, so three of them are soon together. */
  distrustNames: 3,
  distrustPoints: 6,
  distrustWindow: HOUR,
  /**
   * A device that once trusted us is believed to have lost that only after so long without a success; longer than the time
   * in which workers do not repeat one.
   */
  distrustSilence: 15 * MINUTE,
  /** So long a success counts. A weekend with only the pinned apps of a phone awake must not look like distrust. */
  trustMemory: 14 * DAY,

  /**
   * Devices (network cards, not addresses) of one group that found out the same, before the group is spared it; and of
   * all, before everybody is.
   */
  groupDevices: 3,
  everyoneDevices: 5,
  /** Only devices count that have trusted us for so long: made-up addresses cannot outvote a network at once. */
  established: 10 * MINUTE,
  /** Conclusions for more than one device in a day: what somebody could do with many devices stays small. */
  wideningsPerDay: { group: 50, everybody: 10 },

  /** How long a conclusion lasts without being renewed. */
  life: { untrusting: 7 * DAY, pinned: 30 * DAY, 'client-cert': 7 * DAY },
  /**
   * Re-tests: the next wait is as long as the conclusion has stood, within these bounds. A wrong conclusion is found
   * soon, a right one costs a device ever fewer failed connections. A re-test cannot show that an origin no longer wants
   * a client certificate (nothing fails then), so those only expire.
   */
  retest: {
    untrusting: { min: 10 * MINUTE, max: DAY },
    pinned: { min: DAY, max: 14 * DAY },
    'client-cert': { min: 7 * DAY, max: 7 * DAY },
  },
  /** A re-test of which nothing was heard may be tried again. */
  retestAgain: 10 * MINUTE,
} as const

/** Bounds of everything that grows with what clients do. */
export const CAPS = {
  devices: 2048,
  /** Names that fail, names that work (only needed for seconds), and failures over all names. */
  failingPerDevice: 96,
  workingPerDevice: 16,
  failuresPerDevice: 160,
  appsPerDevice: 16,
  /** Events kept of one name, and shown with one conclusion. */
  evidence: 10,
  entries: 5000,
  entriesPerClient: 256,
  dismissed: 1000,
  /** Events taken from one message of a worker. */
  batch: 1024,
} as const
