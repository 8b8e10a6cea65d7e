#include "sim/world/tools.h"

#include <unistd.h>

#include "base/output.h"
#include "base/record_reader.h"
#include "chat/input_pump.h"
#include "process/printer.h"

namespace sim {

namespace {

class Notices : public chat::Notices {
 public:
  explicit Notices(Tool& tool) : tool_(tool) {}
  void lost(const std::string& text) override { tool_.tell(Told::Kind::lost, text); }
  void warn(const std::string& text) override { tool_.tell(Told::Kind::warn, text); }
  void note(const std::string& text) override { tool_.tell(Told::Kind::note, text); }

 private:
  Tool& tool_;
};

}  // namespace

Tool::Tool(World& world, Network& network, Disk& disk, const std::string& name)
    : process(world, network, disk, name),
      input(std::make_shared<InputPipe>(process)),
      output(std::make_shared<OutputPipe>(process)) {}

void Tool::tell(Told::Kind kind, const std::string& text) {
  process.trace((kind == Told::Kind::lost ? "tells a loss: " : "tells: ") + text);
  told.push_back({kind, text, process.world().now()});
}

template <typename Work>
void Tool::start(Work work) {
  process.put(STDIN_FILENO, input);
  process.put(STDOUT_FILENO, output);
  process.on_end = [this] {
    if (process.killed()) end = End::killed;
    if (after_end) after_end();
  };
  process.start([this, work = std::move(work)]() mutable {
    process.trace("begins");
    begun = process.world().now();
    try {
      work();
      end = End::done;
    } catch (const chat::Error& caught) {
      end = End::failed;
      failure = caught.failure();
      error = caught.what();
      process.trace("fails: " + error);
    } catch (const chat::Outage& outage) {
      end = End::failed;
      failure = chat::Failure::again;
      error = std::string("lost Redis: ") + outage.what();
      process.trace("fails: " + error);
    } catch (const chat::Stopped&) {
      end = End::stopped;
    } catch (const chat::ClosedOutput&) {
      end = End::stopped;
    } catch (const std::exception& internal) {
      end = End::failed;
      error = std::string("internal error: ") + internal.what();
      process.trace("fails: " + error);
    }
  });
}

void Tool::publish(const chat::Endpoint& endpoint, const std::string& topic, chat::PublisherOptions options,
                   double rate) {
  options.warn = [this](const std::string& text) { tell(Told::Kind::warn, text); };
  options.note = [this](const std::string& text) { tell(Told::Kind::note, text); };
  start([this, endpoint, topic, options = std::move(options), rate] {
    const chat::StopToken stop = process.stop_token();
    chat::Output out(STDOUT_FILENO, stop);
    chat::InputPumpOptions pump;
    pump.topic = topic;
    pump.user = "ana";
    pump.output = &out;
    pump.rate = rate;
    pump.stop_at_bad = !options.import_id.empty();
    chat::RecordReader records(STDIN_FILENO, chat::RecordReader::Split::newline, pump.max_size);
    chat::ConnectionPool pool(endpoint, {.first_retry_for = options.retry_for, .replicas = false});
    chat::PublisherOptions publishing = options;
    if (publishing.stored) {
      publishing.stored = [&out](std::uint64_t record, chat::EntryId id) {
        out.buffer() += std::to_string(record) + " " + id.str() + "\n";
      };
    }
    chat::Publisher publisher(pool, publishing, stop);
    chat::pump_input(records, publisher, pump, stop);
    publisher.close();
  });
}

void Tool::subscribe(const chat::Endpoint& endpoint, chat::SubscriberOptions options) {
  start([this, endpoint, options = std::move(options)]() mutable {
    const chat::StopToken stop = process.stop_token();
    chat::Output out(STDOUT_FILENO, stop);
    chat::CheckpointQueue no_checkpoint(nullptr);
    chat::PrinterOptions printing;
    printing.style.form = chat::Form::raw;
    chat::Printer printer(printing, out, no_checkpoint);
    Notices notices(*this);
    options.watch_fd = STDOUT_FILENO;
    chat::ConnectionPool pool(endpoint, {.first_retry_for = std::chrono::minutes(5), .replicas = false});
    chat::Subscriber(pool, options, printer, notices).run(stop);
    out.flush();
  });
}

void Tool::replay(const chat::Endpoint& endpoint, chat::ReplayOptions options) {
  start([this, endpoint, options = std::move(options)] {
    Notices notices(*this);
    chat::ConnectionPool pool(endpoint, {.first_retry_for = std::chrono::minutes(5), .replicas = false});
    chat::replay(pool, options, notices, process.stop_token());
  });
}

}  // namespace sim
