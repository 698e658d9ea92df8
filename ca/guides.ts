import type { CaFormat } from './export.ts'

/** How one platform is made to trust the CA: plain data, shown by the UI and the enrolment page. */
export interface InstallGuide {
  id: string
  title: string
  /** The file that suits this platform best. */
  format: CaFormat
  steps: string[]
  /** What will not work, said plainly; '' when there is nothing to say. */
  note: string
}

export const INSTALL_GUIDES: readonly InstallGuide[] = [
  {
    id: 'windows',
    title: 'Windows',
    format: 'der',
    steps: [
      'Download weir-ca.cer and open it.',
      'Choose “Install Certificate…”, then “Local Machine”, and confirm.',
      'Choose “Place all certificates in the following store” and browse to “Trusted Root Certification Authorities”.',
      'Finish, and compare the thumbprint with the one on this page when Windows asks.',
      'For a whole domain: Group Policy › Computer Configuration › Windows Settings › Security Settings › Public Key Policies › Trusted Root Certification Authorities › Import.',
    ],
    note: 'Edge and Chrome use this store. Firefox uses it unless its own setting or policy says otherwise.',
  },
  {
    id: 'macos',
    title: 'macOS',
    format: 'mobileconfig',
    steps: [
      'Download weir-ca.mobileconfig and open it.',
      'Open System Settings, search for “Profiles” (on macOS 15 and later: General › Device Management) and install the profile.',
      'Open Keychain Access, find the certificate in the System keychain, open it, and under “Trust” choose “Always Trust”.',
      'For many Macs: send the profile with your device management, which sets the trust as well.',
    ],
    note: 'A profile installed by hand is not fully trusted until the Keychain Access step is done.',
  },
  {
    id: 'ios',
    title: 'iPhone and iPad',
    format: 'mobileconfig',
    steps: [
      'Open this page in Safari and download weir-ca.mobileconfig. Allow the download.',
      'Open Settings › General › VPN & Device Management, tap the profile and install it.',
      'Open Settings › General › About › Certificate Trust Settings and switch on full trust for the certificate.',
    ],
    note: 'Without the last step nothing trusts the certificate. Apps that pin their own certificates will not accept it.',
  },
  {
    id: 'android',
    title: 'Android',
    format: 'der',
    steps: [
      'Download weir-ca.cer.',
      'Open Settings and search for “CA certificate” (usually Security & privacy › More security settings › Encryption & credentials › Install a certificate).',
      'Choose “CA certificate”, accept the warning and pick the downloaded file.',
    ],
    note: 'Chrome trusts it. Most apps ignore certificates installed by the user and will fail or must be passed through undecrypted.',
  },
  {
    id: 'chromeos',
    title: 'ChromeOS',
    format: 'pem',
    steps: [
      'For managed Chromebooks: Admin console › Devices › Networks › Certificates › Add certificate, upload weir-ca.crt and enable it as a certificate authority for Chromebook.',
      'For a single Chromebook: open chrome://certificate-manager, choose the local or imported certificates, import weir-ca.crt and trust it for websites.',
    ],
    note: 'Sign-in and updates of ChromeOS itself do not accept interception: leave Google’s service hosts undecrypted.',
  },
  {
    id: 'linux',
    title: 'Linux',
    format: 'pem',
    steps: [
      'Debian and Ubuntu: copy weir-ca.crt to /usr/local/share/ca-certificates/ and run “sudo update-ca-certificates”.',
      'Fedora and RHEL: copy weir-ca.crt to /etc/pki/ca-trust/source/anchors/ and run “sudo update-ca-trust”.',
      'Arch: run “sudo trust anchor --store weir-ca.crt”.',
    ],
    note: 'Chromium and Firefox keep stores of their own on some distributions. Java and Node.js programs may need settings of their own.',
  },
  {
    id: 'firefox',
    title: 'Firefox',
    format: 'pem',
    steps: [
      'Download weir-ca.crt.',
      'Open Settings › Privacy & Security › Certificates › View Certificates… › Authorities › Import…, and choose the file.',
      'Tick “Trust this CA to identify websites” and confirm.',
      'For many computers: set the policy Certificates › ImportEnterpriseRoots to true, or Certificates › Install to the path of the file.',
    ],
    note: 'On Windows, macOS and Android, Firefox can use the certificates of the system instead.',
  },
]
