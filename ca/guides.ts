import type { CaGuide } from '../src/core/handout.ts'

/**
 * How each platform is made to trust the CA: plain data, shown by the UI and the enrolment page. Ids are stable: the UI
 * picks the visitor's own by them.
 */
export const INSTALL_GUIDES: readonly CaGuide[] = [
  {
    id: 'windows',
    title: 'Windows',
    format: 'der',
    steps: [
      'Download weir-ca.cer and open it.',
      'Choose “Install Certificate…”, then “Local Machine”, and confirm.',
      'Choose “Place all certificates in the following store” and browse to “Trusted Root Certification Authorities”.',
      'Finish, and compare the thumbprint with the one on this page when Windows asks.',
      'Or in an administrator’s PowerShell, with weir-ca.ps1: powershell -ExecutionPolicy Bypass -File weir-ca.ps1',
    ],
    note: 'Edge and Chrome use this store. Firefox uses it unless its own setting or policy says otherwise.',
  },
  {
    id: 'windows-domain',
    title: 'Windows domain',
    format: 'der',
    steps: [
      'Download weir-ca.cer and compare its fingerprint with “weir ca show”.',
      'Group Policy Management › the policy of the computers › Computer Configuration › Policies › Windows Settings › Security Settings › Public Key Policies › Trusted Root Certification Authorities › Import.',
      'Or publish it to the whole forest, as an enterprise administrator: certutil -dspublish -f weir-ca.cer RootCA',
      'Or with Intune: Devices › Configuration › Create › Windows 10 and later › Templates › Trusted certificate, store “Computer certificate store – Root”.',
      'On a client: gpupdate /force, then certutil -store Root shows it.',
      'For Firefox, set its policy Certificates › ImportEnterpriseRoots to enabled.',
    ],
    note: 'Clients take it over at their next policy refresh, up to two hours later. Laptops that are away do so when they see a domain controller again.',
  },
  {
    id: 'macos',
    title: 'macOS',
    format: 'mobileconfig',
    steps: [
      'Download weir-ca.mobileconfig and open it.',
      'Open System Settings, search for “Profiles” (on macOS 15 and later: General › Device Management) and install the profile.',
      'Open Keychain Access, find the certificate in the System keychain, open it, and under “Trust” choose “Always Trust”.',
      'Or in a terminal, with weir-ca.crt: sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain weir-ca.crt',
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
      'For many devices: send the profile with your device management to supervised devices, which sets the trust as well.',
    ],
    note: 'Without the step in Certificate Trust Settings nothing trusts the certificate. Apps that pin their own certificates will not accept it.',
  },
  {
    id: 'android',
    title: 'Android',
    format: 'der',
    steps: [
      'Download weir-ca.cer.',
      'Open Settings and search for “CA certificate” (usually Security & privacy › More security settings › Encryption & credentials › Install a certificate).',
      'Choose “CA certificate”, accept the warning and pick the downloaded file.',
      'With a work profile or a managed device: let your device management install it, for the work profile as well.',
      'Firefox: open Settings › About Firefox, tap the logo five times, then Settings › Secret Settings › Use third party CA certificates.',
    ],
    note: 'Chrome trusts it. Since Android 7 most apps ignore every certificate that a user or a device management installed: they will fail, or must be passed through undecrypted. Android shows a lasting notice that the network may be monitored.',
  },
  {
    id: 'chromeos',
    title: 'ChromeOS',
    format: 'pem',
    steps: [
      'For managed Chromebooks: Admin console › Devices › Networks › Certificates › Add certificate, upload weir-ca.crt and enable it as a certificate authority for Chromebook.',
      'For Chrome under Chrome Enterprise on every system: Admin console › Devices › Chrome › Connectors › New provider configuration › Chrome Root Store › Add certificate, type Root.',
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
      'openSUSE: copy weir-ca.crt to /etc/pki/trust/anchors/ and run “sudo update-ca-certificates”. Arch: run “sudo trust anchor --store weir-ca.crt”.',
      'Chromium and Chrome, when they do not use the system’s store: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n weir -i weir-ca.crt',
    ],
    note: 'Firefox, Java, Python and Node.js may keep stores of their own. Snap, Flatpak and container images do not see the store of the host: they must get the file as well.',
  },
  {
    id: 'firefox',
    title: 'Firefox',
    format: 'pem',
    steps: [
      'Download weir-ca.crt.',
      'Open Settings › Privacy & Security › Certificates › View Certificates… › Authorities › Import…, and choose the file.',
      'Tick “Trust this CA to identify websites” and confirm.',
      'For many computers: put policies.json into /etc/firefox/policies (Linux), the folder distribution beside firefox.exe (Windows) or Firefox.app/Contents/Resources/distribution (macOS).',
      'Put weir-ca.crt where that policy looks: /usr/lib/mozilla/certificates or /usr/lib64/mozilla/certificates (Linux), %LOCALAPPDATA%\\Mozilla\\Certificates (Windows), /Library/Application Support/Mozilla/Certificates (macOS). about:policies shows whether it worked.',
    ],
    note: 'On Windows, macOS and Android, Firefox can use the certificates of the system instead.',
  },
  {
    id: 'java',
    title: 'Java',
    format: 'p12',
    steps: [
      'Into the store of a Java installation, with weir-ca.crt: keytool -importcert -cacerts -noprompt -alias weir -file weir-ca.crt (its password is “changeit” unless you changed it).',
      'Or for one program, with weir-ca.p12 (empty password) instead of everything else: java -Djavax.net.ssl.trustStore=weir-ca.p12 -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword= …',
      'On Windows a program takes the system’s store with -Djavax.net.ssl.trustStoreType=Windows-ROOT.',
    ],
    note: 'Every installed Java has a store of its own, and an update brings a fresh one. With the second way, servers that are passed through undecrypted are not trusted any more.',
  },
  {
    id: 'tools',
    title: 'Developer tools',
    format: 'pem',
    steps: [
      'Make the system trust weir-ca.crt first (see Linux); curl, git, wget and Go then do so by themselves. The file with all certificates is /etc/ssl/certs/ca-certificates.crt on Debian and /etc/pki/tls/certs/ca-bundle.crt on Fedora.',
      'Node.js and npm: NODE_EXTRA_CA_CERTS=/path/weir-ca.crt, or NODE_USE_SYSTEM_CA=1 from Node.js 24 on.',
      'Python: REQUESTS_CA_BUNDLE and SSL_CERT_FILE set to the file with all certificates; pip: pip config set global.cert followed by that file.',
      'git on Windows: git config --global http.sslBackend schannel. curl alone: CURL_CA_BUNDLE set to the file with all certificates.',
      'Docker: /etc/docker/certs.d/<registry>/ca.crt for pulling; inside images COPY weir-ca.crt /usr/local/share/ca-certificates/ and RUN update-ca-certificates.',
      'Ruby and other users of OpenSSL: SSL_CERT_FILE. AWS tools: AWS_CA_BUNDLE. Deno: DENO_CERT=/path/weir-ca.crt. cargo: CARGO_HTTP_CAINFO.',
    ],
    note: 'All but NODE_EXTRA_CA_CERTS and DENO_CERT replace what is trusted instead of adding to it: name a file with all certificates, not weir-ca.crt alone. Never switch verification off instead.',
  },
]
