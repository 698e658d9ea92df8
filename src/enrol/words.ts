export type Language = 'en' | 'de'

/** Texts of the enrolment page; `{host}` is filled in. */
export interface EnrolWords {
  title: string
  lead: string
  why: string
  test: string
  testLead: string
  testButton: string
  unknown: string
  asking: string
  yes: string
  no: string
  other: string
  arrived: string
  install: string
  guessed: string
  platforms: string
  download: string
  otherFiles: string
  compare: string
  fingerprint: string
  validUntil: string
  next: string
  nextText: string
  validFrom: string
  note: string
}

export const WORDS: Record<Language, EnrolWords> = {
  en: {
    title: 'Set this device up for this network',
    lead: 'The gateway of this network looks into secure connections to keep harmful pages out. For that, this device has to trust the gateway’s certificate.',
    why: 'Whoever holds the key of this certificate can read what this device sends over this network. Install it only if you know this network and it belongs to your school or employer, and take it off again when you leave.',
    test: 'Does this device trust the gateway?',
    testLead: 'Try it before and after you install the certificate.',
    testButton: 'Try it',
    unknown:
      'Press the button. If your browser then warns you of the connection, this device does not trust the gateway yet: go back and install the certificate.',
    asking: 'Trying…',
    yes: 'Yes, this device trusts the gateway. There is nothing left to do.',
    no: 'No, this device does not trust the gateway yet. Install the certificate as described below; this page keeps trying.',
    other: 'This cannot be told: something other than the gateway answered over the secure connection.',
    arrived:
      'If your browser warned you on the way to this page and you clicked the warning away, then it does not: install the certificate as described below.',
    install: 'Install the certificate',
    guessed: 'this looks like your device',
    platforms: 'Choose your device. Programs that keep a list of their own, such as Firefox, are listed too.',
    download: 'Download',
    otherFiles: 'The same certificate in other forms:',
    compare:
      'This page came over an open network. Before you install the certificate, compare its fingerprint (SHA-256) with the one that the people who look after this network give you:',
    fingerprint: 'Fingerprint',
    validUntil: 'Valid until',
    next: 'The certificate that comes next',
    nextText:
      'The certificate of this gateway will soon be replaced by this one. Install it in the same way, so that nothing breaks on that day.',
    validFrom: 'Valid from',
    note: 'Good to know:',
  },
  de: {
    title: 'Dieses Gerät für dieses Netz einrichten',
    lead: 'Das Gateway dieses Netzes sieht in gesicherte Verbindungen hinein, um schädliche Seiten fernzuhalten. Dafür muss dieses Gerät dem Zertifikat des Gateways vertrauen.',
    why: 'Wer den Schlüssel dieses Zertifikats hat, kann mitlesen, was dieses Gerät in diesem Netz sendet. Installieren Sie es nur, wenn Sie dieses Netz kennen und es zu Ihrer Schule oder Ihrem Arbeitgeber gehört, und entfernen Sie es wieder, wenn Sie dort nicht mehr sind.',
    test: 'Vertraut dieses Gerät dem Gateway?',
    testLead: 'Probieren Sie es vor und nach der Installation.',
    testButton: 'Ausprobieren',
    unknown:
      'Drücken Sie auf die Schaltfläche. Warnt Ihr Browser dann vor der Verbindung, so vertraut dieses Gerät dem Gateway noch nicht: Gehen Sie zurück und installieren Sie das Zertifikat.',
    asking: 'Wird ausprobiert …',
    yes: 'Ja, dieses Gerät vertraut dem Gateway. Es ist nichts mehr zu tun.',
    no: 'Nein, dieses Gerät vertraut dem Gateway noch nicht. Installieren Sie das Zertifikat wie unten beschrieben; diese Seite versucht es weiter.',
    other: 'Das lässt sich nicht sagen: Über die gesicherte Verbindung hat etwas anderes als das Gateway geantwortet.',
    arrived:
      'Hat Ihr Browser Sie auf dem Weg hierher gewarnt und Sie haben die Warnung weggeklickt, dann nicht: Installieren Sie das Zertifikat wie unten beschrieben.',
    install: 'Das Zertifikat installieren',
    guessed: 'das scheint Ihr Gerät zu sein',
    platforms: 'Wählen Sie Ihr Gerät. Auch Programme mit eigener Liste, etwa Firefox, stehen hier.',
    download: 'Herunterladen:',
    otherFiles: 'Dasselbe Zertifikat in anderer Form:',
    compare:
      'Diese Seite kam über ein offenes Netz. Vergleichen Sie vor der Installation den Fingerabdruck (SHA-256) des Zertifikats mit dem, den Ihnen die Betreuer dieses Netzes nennen:',
    fingerprint: 'Fingerabdruck',
    validUntil: 'Gültig bis',
    next: 'Das nächste Zertifikat',
    nextText:
      'Das Zertifikat dieses Gateways wird bald durch dieses ersetzt. Installieren Sie es auf dieselbe Weise, damit an dem Tag nichts ausfällt.',
    validFrom: 'Gültig ab',
    note: 'Gut zu wissen:',
  },
}

/** Browsers send less than 100 characters. */
const MAX_HEADER = 512

/** German for whoever prefers it to English (RFC 9110 §12.5.4), English for everybody else. */
export function languageOf(acceptLanguage: string | null): Language {
  const best = { en: 0, de: 0 }
  for (const range of (acceptLanguage ?? '').slice(0, MAX_HEADER).toLowerCase().split(',')) {
    const match = /^\s*(en|de)(?:-[a-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?$/.exec(range)
    if (match === null) continue
    const language = match[1] as Language
    best[language] = Math.max(best[language], Number(match[2] ?? 1))
  }
  return best.de > best.en ? 'de' : 'en'
}
