#include "cli/completion.h"

#include <functional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace fairlead::cli {
namespace {

// Commands that help shows.
std::vector<const CLI::App*> Subcommands(const CLI::App& app) {
  std::vector<const CLI::App*> visible;
  for (const CLI::App* sub :
       app.get_subcommands([](const CLI::App* candidate) { return !candidate->get_group().empty(); })) {
    visible.push_back(sub);
  }
  return visible;
}

std::vector<std::string> OptionWords(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    for (const std::string& name : option->get_snames()) words.push_back("-" + name);
  }
  return words;
}

std::vector<std::string> Words(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* sub : Subcommands(app)) words.push_back(sub->get_name());
  for (const std::string& word : OptionWords(app)) words.push_back(word);
  return words;
}

// Calls `visit` with every command and the words that lead to it: "", "lab", "lab up".
void Walk(const CLI::App& app, const std::string& path,
          const std::function<void(const CLI::App&, const std::string&)>& visit) {
  visit(app, path);
  for (const CLI::App* sub : Subcommands(app)) {
    Walk(*sub, path.empty() ? sub->get_name() : absl::StrCat(path, " ", sub->get_name()), visit);
  }
}

std::string Quote(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// The program's file; and a function's name of it.
std::string Program(const CLI::App& app) {
  return absl::StrReplaceAll(app.get_name(), {{" ", "-"}});
}
std::string Function(const CLI::App& app) {
  return absl::StrCat("_", absl::StrReplaceAll(app.get_name(), {{" ", "_"}, {"-", "_"}}));
}

std::string FirstLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string cases;
  Walk(app, "", [&](const CLI::App& command, const std::string& path) {
    absl::StrAppend(&cases, "    ", Quote(path), ") words=", Quote(absl::StrJoin(Words(command), " ")),
                    " ;;\n");
  });
  std::string names;
  Walk(app, "", [&](const CLI::App&, const std::string& path) { absl::StrAppend(&names, " ", Quote(path)); });
  const std::string program = Program(app);
  const std::string function = Function(app);
  return absl::StrCat(
      "# bash completion of ", program, "; use: source <(", program, " completion bash)\n", function,
      "() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path='' words='' word "
      "next\n"
      "  case $previous in\n"
      "    -o|--output) COMPREPLY=($(compgen -W 'text json' -- \"$current\")); return ;;\n"
      "    -f|--filename) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
      "  esac\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    next=${path:+$path }$word\n"
      "    case \" ${",
      function,
      "_paths[*]/#/|} \" in *\"|$next \"*) path=$next ;; esac\n"
      "  done\n"
      "  case $path in\n",
      cases,
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n",
      function, "_paths=(", names, " )\ncomplete -F ", function, " ", program, "\n");
}

std::string ZshCompletion(const CLI::App& app) {
  std::string cases;
  Walk(app, "", [&](const CLI::App& command, const std::string& path) {
    std::vector<std::string> entries;
    for (const CLI::App* sub : Subcommands(command)) {
      entries.push_back(Quote(absl::StrCat(
          sub->get_name(), ":", absl::StrReplaceAll(FirstLine(sub->get_description()), {{":", "\\:"}}))));
    }
    absl::StrAppend(&cases, "    ", Quote(path), ") commands=(", absl::StrJoin(entries, " "), "); options=(",
                    absl::StrJoin(OptionWords(command), " "), ") ;;\n");
  });
  const std::string program = Program(app);
  const std::string function = Function(app);
  return absl::StrCat("#compdef ", program, "\n# zsh completion of ", program, "; use: source <(", program,
                      " completion zsh)\n", function,
                      "() {\n"
                      "  local -a commands options\n"
                      "  local path_so_far='' word\n"
                      "  for word in ${words[2,CURRENT-1]}; do\n"
                      "    [[ $word == -* ]] || path_so_far=${path_so_far:+$path_so_far }$word\n"
                      "  done\n"
                      "  case ${words[CURRENT-1]} in\n"
                      "    -o|--output) compadd text json; return ;;\n"
                      "    -f|--filename) _files; return ;;\n"
                      "  esac\n"
                      "  case $path_so_far in\n",
                      cases,
                      "  esac\n"
                      "  (( $#commands )) && _describe command commands\n"
                      "  compadd -- $options\n"
                      "}\n"
                      "compdef ",
                      function, " ", program, "\n");
}

std::string FishCompletion(const CLI::App& app) {
  const std::string program = Program(app);
  const std::string at = absl::StrCat("_", Function(app), "_at");
  std::string text = absl::StrCat("# fish completion of ", program, "; use: ", program,
                                  " completion fish | source\nfunction ", at,
                                  "\n"
                                  "  set -l words\n"
                                  "  for word in (commandline -opc)[2..-1]\n"
                                  "    string match -q -- '-*' $word; or set -a words $word\n"
                                  "  end\n"
                                  "  test \"$words\" = \"$argv\"\n"
                                  "end\n"
                                  "complete -c ",
                                  program, " -f\n");
  Walk(app, "", [&](const CLI::App& command, const std::string& path) {
    const std::string condition =
        absl::StrCat("complete -c ", program, " -n ", Quote(absl::StrCat(at, " ", path)));
    for (const CLI::App* sub : Subcommands(command)) {
      absl::StrAppend(&text, condition, " -a ", sub->get_name(), " -d ",
                      Quote(FirstLine(sub->get_description())), "\n");
    }
    for (const CLI::Option* option : command.get_options()) {
      std::string names;
      for (const std::string& name : option->get_lnames()) absl::StrAppend(&names, " -l ", name);
      for (const std::string& name : option->get_snames()) absl::StrAppend(&names, " -s ", name);
      if (names.empty()) continue;
      const bool file = names.find(" filename") != std::string::npos;
      const bool output = names.find(" output") != std::string::npos;
      absl::StrAppend(&text, condition, names,
                      file     ? " -r -F"
                      : output ? " -x -a 'text json'"
                               : "",
                      " -d ", Quote(FirstLine(option->get_description())), "\n");
    }
  });
  return text;
}

std::vector<std::string> Offers(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty()) return {};
  const CLI::App* command = &app;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    for (const CLI::App* sub : Subcommands(*command)) {
      if (sub->get_name() == words[i]) command = sub;
    }
  }
  const std::string before = words.size() < 2 ? "" : words[words.size() - 2];
  const std::vector<std::string> all =
      before == "-o" || before == "--output" ? std::vector<std::string>{"text", "json"} : Words(*command);
  std::vector<std::string> offers;
  for (const std::string& word : all) {
    // Options are offered once a dash is there, as kubectl does.
    if (absl::StartsWith(word, words.back()) && (word[0] != '-' || !words.back().empty()))
      offers.push_back(word);
  }
  return offers;
}

}  // namespace fairlead::cli
