import UIKit
import WebKit

/// The portal in a web view of its own. Pages of other sites (a bank, a map) open
/// outside of it; the bank's page of a second factor leads back by a link of ours.
/// What a browser does besides showing pages, saving a file and printing, is done here.
final class PortalViewController: UIViewController, WKNavigationDelegate, WKUIDelegate, WKDownloadDelegate, WKScriptMessageHandler {
    private let host = Bundle.main.object(forInfoDictionaryKey: "PortalHost") as? String ?? ""
    private lazy var home = URL(string: "https://\(host)/")!
    private lazy var web: WKWebView = {
        let configuration = WKWebViewConfiguration()
        configuration.limitsNavigationsToAppBoundDomains = true // else service workers do not run
        configuration.websiteDataStore = .default()
        // A web view does nothing for print(): the page's call is handed on.
        configuration.userContentController.add(self, name: "print")
        configuration.userContentController.addUserScript(WKUserScript(
            source: "window.print = () => webkit.messageHandlers.print.postMessage(null)", injectionTime: .atDocumentStart, forMainFrameOnly: true))
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
        let ours = action.request.url.map { $0.host == host || $0.scheme == "blob" } ?? false
        // A link with `download`: a receipt, an entry for the calendar, both made in the page.
        if action.shouldPerformDownload { return decisionHandler(ours ? .download : .cancel) }
        guard let url = action.request.url, action.targetFrame?.isMainFrame ?? true else { return decisionHandler(.allow) }
        if ours || url.scheme == "about" { return decisionHandler(.allow) }
        UIApplication.shared.open(url)
        decisionHandler(.cancel)
    }

    func webView(_ webView: WKWebView, navigationAction: WKNavigationAction, didBecome download: WKDownload) { download.delegate = self }

    // Files that are on their way, by their download; each has a folder of its own, so that its name is free.
    private var files: [ObjectIdentifier: URL] = [:]

    func download(_ download: WKDownload, decideDestinationUsing response: URLResponse, suggestedFilename: String, completionHandler: @escaping (URL?) -> Void) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString, isDirectory: true)
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            completionHandler(nil)
            return fileFailed()
        }
        let file = folder.appendingPathComponent(suggestedFilename)
        files[ObjectIdentifier(download)] = file
        completionHandler(file)
    }

    /// Hands the file to the driver: to keep, to send, to open, to print.
    func downloadDidFinish(_ download: WKDownload) {
        guard let file = files.removeValue(forKey: ObjectIdentifier(download)) else { return }
        let sheet = UIActivityViewController(activityItems: [file], applicationActivities: nil)
        sheet.completionWithItemsHandler = { _, _, _, _ in try? FileManager.default.removeItem(at: file.deletingLastPathComponent()) }
        // An iPad shows it as a bubble, which has to come from somewhere.
        sheet.popoverPresentationController?.sourceView = view
        sheet.popoverPresentationController?.sourceRect = CGRect(x: view.bounds.midX, y: view.bounds.midY, width: 0, height: 0)
        sheet.popoverPresentationController?.permittedArrowDirections = []
        present(sheet, animated: true)
    }

    func download(_ download: WKDownload, didFailWithError error: Error, resumeData: Data?) {
        if let file = files.removeValue(forKey: ObjectIdentifier(download)) { try? FileManager.default.removeItem(at: file.deletingLastPathComponent()) }
        fileFailed()
    }

    private func fileFailed() {
        let alert = UIAlertController(title: NSLocalizedString("file.title", comment: ""), message: NSLocalizedString("file.text", comment: ""), preferredStyle: .alert)
        alert.addAction(UIAlertAction(title: NSLocalizedString("file.close", comment: ""), style: .default))
        present(alert, animated: true)
    }

    /// The page wants to be printed, as its style sheet for paper has it.
    func userContentController(_ controller: WKUserContentController, didReceive message: WKScriptMessage) {
        guard message.name == "print", message.frameInfo.isMainFrame, message.frameInfo.securityOrigin.host == host else { return }
        let printer = UIPrintInteractionController.shared
        let info = UIPrintInfo(dictionary: nil)
        info.jobName = web.title ?? host
        printer.printInfo = info
        printer.printFormatter = web.viewPrintFormatter()
        if UIDevice.current.userInterfaceIdiom == .pad {
            printer.present(from: CGRect(x: view.bounds.midX, y: view.bounds.midY, width: 0, height: 0), in: view, animated: true, completionHandler: nil)
        } else {
            printer.present(animated: true, completionHandler: nil)
        }
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
