/** A file by which one kind of device is made to trust the CA; the certificate only, never the key. */
export interface CaFile {
  format: 'pem' | 'der' | 'p12' | 'mobileconfig' | 'firefox' | 'powershell'
  bytes: Buffer
  contentType: string
  fileName: string
}

/** How one platform is made to trust the CA, step by step. */
export interface CaGuide {
  id: string
  title: string
  /** The file that suits this platform best. */
  format: CaFile['format']
  steps: string[]
  /** What will not work; '' when there is nothing to say. */
  note: string
}

/** All that the enrolment page gives away. */
export interface CaHandout {
  /** The one in use first; after it the one being rolled out, if there is one. */
  authorities: { subject: string; sha256: string; notBefore: number; notAfter: number; files: CaFile[] }[]
  guides: CaGuide[]
}
