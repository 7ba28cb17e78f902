#include "controller/kubernetes/object_value.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "kubernetes.pb.h"

namespace fairlead::controller {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

Value Scalar(Value::Type type, std::string text) {
  Value value;
  value.type = type;
  value.line = 0;
  value.text = std::move(text);
  return value;
}

Value Text(const std::string& text) {
  return Scalar(Value::Type::kString, IsUtf8(text) ? text : absl::CHexEscape(text));
}

Value Number(int64_t number) {
  return Scalar(Value::Type::kNumber, absl::StrCat(number));
}

bool IsAbsent(const Value& value) {
  return (value.type == Value::Type::kString && value.text.empty()) ||
         (value.type == Value::Type::kNumber && value.text == "0");
}

Value MessageValue(const Message& message) {
  if (const auto* either = dynamic_cast<const kubernetes::IntOrString*>(&message)) {
    return either->type() == 0 ? Number(either->intval()) : Text(either->strval());
  }
  if (const auto* time = dynamic_cast<const kubernetes::Time*>(&message)) {
    return Text(absl::StrCat(time->seconds()));
  }
  return ValueOf(message);
}

Value Single(const Message& message, const Reflection& reflection, const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Scalar(Value::Type::kBool, reflection.GetBool(message, &field) ? "true" : "false");
    case FieldDescriptor::CPPTYPE_INT32:
      return Number(reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return Number(reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageValue(reflection.GetMessage(message, &field));
    default:
      return Text(reflection.GetString(message, &field));
  }
}

Value MapOfText(const Message& message, const Reflection& reflection, const FieldDescriptor& field) {
  Value map = Scalar(Value::Type::kMap, "");
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    const Reflection& of_entry = *entry.GetReflection();
    Value key = Text(of_entry.GetString(entry, field.message_type()->map_key()));
    map.fields.push_back({key.text, 0, Text(of_entry.GetString(entry, field.message_type()->map_value()))});
  }
  return map;
}

Value ListOf(const Message& message, const Reflection& reflection, const FieldDescriptor& field) {
  Value list = Scalar(Value::Type::kList, "");
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    list.items.push_back(field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE
                             ? MessageValue(reflection.GetRepeatedMessage(message, &field, i))
                             : Text(reflection.GetRepeatedString(message, &field, i)));
  }
  return list;
}

}  // namespace

Value ValueOf(const Message& message) {
  Value map = Scalar(Value::Type::kMap, "");
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> present;
  reflection.ListFields(message, &present);
  for (const FieldDescriptor* field : present) {
    Value value = field->is_map()        ? MapOfText(message, reflection, *field)
                  : field->is_repeated() ? ListOf(message, reflection, *field)
                                         : Single(message, reflection, *field);
    if (!IsAbsent(value)) map.fields.push_back({field->name(), 0, std::move(value)});
  }
  return map;
}

}  // namespace fairlead::controller
