import UIKit
import WebKit

/// The portal in a web view of its own. Pages of other sites (a bank, a map) open
/// outside of it; the bank's page of a second factor leads back by a link of ours.
final class PortalViewController: UIViewController, WKNavigationDelegate, WKUIDelegate {
    private let host = Bundle.main.object(forInfoDictionaryKey: "PortalHost") as? String ?? ""
    private lazy var home = URL(string: "https://\(host)/")!
    private lazy var web: WKWebView = {
        let configuration = WKWebViewConfiguration()
        configuration.limitsNavigationsToAppBoundDomains = true // else service workers do not run
        configuration.websiteDataStore = .default()
        let web = WKWebView(frame: .zero, configuration: configuration)
        web.navigationDelegate = self
        web.uiDelegate = self
        web.allowsBackForwardNavigationGestures = true
        web.scrollView.contentInsetAdjustmentBehavior = .always
        return web
    }()

    override func loadView() { view = web }

    override func viewDidLoad() {
        super.viewDidLoad()
        web.backgroundColor = UIColor(named: "Surface")
        if web.url == nil { web.load(URLRequest(url: home)) }
    }

    /// Opens an address of the portal; false: it is another's.
    func open(_ url: URL) -> Bool {
        guard url.host == host else { return false }
        loadViewIfNeeded()
        web.load(URLRequest(url: url))
        return true
    }

    func webView(_ webView: WKWebView, decidePolicyFor action: WKNavigationAction, decisionHandler: @escaping (WKNavigationActionPolicy) -> Void) {
        guard let url = action.request.url, action.targetFrame?.isMainFrame ?? true else { return decisionHandler(.allow) }
        if url.host == host || url.scheme == "about" || url.scheme == "blob" { return decisionHandler(.allow) }
        UIApplication.shared.open(url)
        decisionHandler(.cancel)
    }

    func webView(_ webView: WKWebView, createWebViewWith configuration: WKWebViewConfiguration, for action: WKNavigationAction, windowFeatures: WKWindowFeatures) -> WKWebView? {
        if let url = action.request.url { UIApplication.shared.open(url) }
        return nil
    }

    func webView(_ webView: WKWebView, didFailProvisionalNavigation navigation: WKNavigation!, withError error: Error) {
        if (error as NSError).code == NSURLErrorCancelled { return }
        let alert = UIAlertController(title: NSLocalizedString("offline.title", comment: ""), message: NSLocalizedString("offline.text", comment: ""), preferredStyle: .alert)
        alert.addAction(UIAlertAction(title: NSLocalizedString("offline.again", comment: ""), style: .default) { [weak self] _ in
            guard let self else { return }
            self.web.load(URLRequest(url: self.web.url ?? self.home))
        })
        present(alert, animated: true)
    }

    func webViewWebContentProcessDidTerminate(_ webView: WKWebView) { webView.reload() }
}
